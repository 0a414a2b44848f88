import Testing

@testable import Cairn

@Suite struct IPAddressTests {
    @Test(arguments: [
        ("0.0.0.0", "0.0.0.0"), ("203.0.113.9", "203.0.113.9"), ("::", "::"), ("::1", "::1"),
        ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
        ("fe80::0202:b3ff:fe1e:8329", "fe80::202:b3ff:fe1e:8329"), ("::ffff:10.0.0.1", "10.0.0.1"),
        ("1:0:0:2:0:0:0:3", "1:0:0:2::3"), ("1:2:3:4:5:6:0:8", "1:2:3:4:5:6:0:8"),
    ])
    func `addresses are written in canonical form`(text: String, canonical: String) throws {
        #expect(try #require(IPAddress(text)).description == canonical)
    }

    @Test(arguments: [
        "", "1.2.3", "1.2.3.256", "1.2.3.4.5", ":::", "1::2::3", "12345::", "1:2:3:4:5:6:7:8:9",
        "+1.2.3.4",
    ])
    func `what is no address is refused`(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.0", false),
        ("0.0.0.0/0", "8.8.8.8", true),
        ("10.1.2.3", "10.1.2.3", true), ("10.0.0.0/255.0.0.0", "10.9.9.9", true),
        ("fe80::/10", "febf::1", true),
        ("fe80::/10", "fec0::1", false), ("::/0", "10.0.0.1", false),
        ("2001:db8::/33", "2001:db8:7fff::", true),
        ("2001:db8::/33", "2001:db8:8000::", false),
    ])
    func `a network holds the addresses of its prefix`(
        network: String, address: String, isInside: Bool
    ) throws {
        #expect(
            try #require(IPNetwork(network)).contains(try #require(IPAddress(address))) == isInside)
    }

    @Test(arguments: ["10.0.0.0/33", "::/129", "10.0.0.0/255.0.255.0", "10.0.0.0/-1", "x/8"])
    func `what is no network is refused`(text: String) {
        #expect(IPNetwork(text) == nil)
    }
}
