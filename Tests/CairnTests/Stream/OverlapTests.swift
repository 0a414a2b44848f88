import Testing

@testable import Cairn

/// Overlapping segments, by where the newer one begins and ends relative to the older (Shankar and
/// Paxson 2003, Novak and Sturges 2007).
@Suite struct OverlapTests {
    /// The older segment is at 10 ..< 20; the newer begins before, with and after it, and ends
    /// before, with and after it each time. What the overlapped bytes are of: O(lder) or N(ewer).
    @Test(arguments: [
        ("bsd", "NNN OOO OOO"), ("bsd-right", "NNN OOO OOO"), ("windows", "NNN OOO OOO"),
        ("windows2k3", "NNN OOO OOO"), ("hpux10", "NNN OOO OOO"), ("irix", "NNN OOO OOO"),
        ("macos", "NNN OOO OOO"), ("linux", "NNN ONN OOO"), ("old-linux", "NNN ONN OOO"),
        ("solaris", "ONN ONN OON"), ("old-solaris", "ONN ONN OON"), ("hpux11", "ONN ONN OON"),
        ("vista", "OOO OOO OOO"), ("first", "OOO OOO OOO"), ("last", "NNN NNN NNN"),
    ])
    func `each policy keeps its copy`(name: String, expected: String) throws {
        let policy = try #require(OverlapPolicy(name: name))
        var found: [String] = []
        for start in [5, 10, 13] {
            var row = ""
            for end in [17, 20, 25] {
                let tcp = harness(policy)
                segment(tcp, 10, "O", 10)
                segment(tcp, start, "N", end - start)
                #expect(tcp.anomalies == ["reassembly_overlap_different_data"])
                segment(tcp, 0, ".", min(start, 10))
                tcp.s(.ack, 501, UInt32(101 + max(end, 20)))
                let overlap = Array(tcp.toServer)[max(start, 10)..<min(end, 20)]
                #expect(Set(overlap).count == 1)
                row.append(overlap[overlap.startIndex])
                #expect(tcp.toServer.count == max(end, 20))
                #expect(tcp.counter("tcp.overlap") >= 1)
            }
            found.append(row)
        }
        #expect(found.joined(separator: " ") == expected)
    }

    @Test func `a newer segment can replace the middle of an older one`() {
        let tcp = harness(.last)
        segment(tcp, 1, "O", 9)
        segment(tcp, 4, "N", 3)
        segment(tcp, 5, "M", 1)
        segment(tcp, 0, ".", 1)
        tcp.s(.ack, 501, 111)
        #expect(tcp.toServer == ".OOONMNOOO")
    }

    @Test func `a segment over several others fills the holes between them`() {
        let tcp = harness(.first)
        segment(tcp, 2, "a", 2)
        segment(tcp, 6, "b", 2)
        segment(tcp, 0, "N", 10)
        tcp.s(.ack, 501, 111)
        #expect(tcp.toServer == "NNaaNNbbNN")
    }

    @Test func `the same data again is no oddity`() {
        let tcp = harness(.bsd)
        segment(tcp, 0, "a", 4)
        segment(tcp, 0, "a", 4)
        #expect(tcp.anomalies == [])
        segment(tcp, 2, "a", 4)
        #expect(tcp.anomalies == [])
        tcp.s(.ack, 501, 107)
        #expect(tcp.toServer == "aaaaaa")
        #expect(tcp.counter("tcp.overlap") == 2)
    }

    @Test func `what was handed on stays`() {
        let tcp = harness(.last)
        segment(tcp, 0, "a", 4)
        tcp.s(.ack, 501, 105)
        segment(tcp, 0, "b", 8)
        tcp.s(.ack, 501, 109)
        #expect(tcp.toServer == "aaaabbbb")
    }

    @Test func `the receiver's address decides the policy, by the longest prefix`() throws {
        var policies = HostPolicies()
        #expect(policies.policy(of: Endpoint(stringLiteral: "[192.0.2.1]:0").address) == .windows)
        #expect(policies.policy(of: Endpoint(stringLiteral: "[2001:db8::1]:0").address) == .bsd)
        for (network, policy) in [
            ("10.0.0.0/8", OverlapPolicy.linux), ("10.1.0.0/16", .solaris), ("10.1.2.3", .vista),
        ] {
            policies.networks.append(
                try #require(HostPolicies.Entry(network: IPNetwork(network), policy: policy)))
        }
        #expect(policies.policy(of: Endpoint(stringLiteral: "[10.9.9.9]:0").address) == .linux)
        #expect(policies.policy(of: Endpoint(stringLiteral: "[10.1.9.9]:0").address) == .solaris)
        #expect(policies.policy(of: Endpoint(stringLiteral: "[10.1.2.3]:0").address) == .vista)
        #expect(policies.policy(of: Endpoint(stringLiteral: "[11.0.0.1]:0").address) == .windows)
        #expect(OverlapPolicy(name: "plan9") == nil)

        var settings = StreamSettings()
        settings.hostPolicies.networks = [
            try #require(HostPolicies.Entry(network: IPNetwork("10.0.0.2"), policy: .last))
        ]
        let tcp = StreamHarness(settings)
        tcp.handshake()
        segment(tcp, 0, "a", 2)
        segment(tcp, 0, "b", 2)
        tcp.s(.ack, 501, 103, "aa")
        tcp.s(.ack, 501, 103, "bb")
        tcp.c(.ack, 103, 503)
        #expect(tcp.toServer == "bb")
        #expect(tcp.toClient == "aa")
    }

    private func harness(_ policy: OverlapPolicy) -> StreamHarness {
        var settings = StreamSettings()
        settings.hostPolicies.networks = [
            HostPolicies.Entry(network: IPNetwork("0.0.0.0/0"), policy: policy)
        ].compactMap { $0 }
        let tcp = StreamHarness(settings)
        tcp.handshake()
        return tcp
    }

    private func segment(_ tcp: StreamHarness, _ position: Int, _ letter: String, _ count: Int) {
        tcp.c(.ack, UInt32(101 + position), 501, String(repeating: letter, count: count))
    }
}
