import Testing

@testable import Cairn

@Suite struct EngineSettingsTests {
    private func settings(_ assignments: String...) -> Settings {
        var settings = Settings()
        for assignment in assignments { #expect(settings.set(assignment).isEmpty) }
        return settings
    }

    @Test func `hosts behave like the system that is given, others like Windows`() throws {
        let settings = settings(
            "host-os-policy.linux=[10.0.0.0/8]", "host-os-policy.bsd=10.1.0.0/16")
        let streams = StreamSettings(settings).hostPolicies
        let fragments = DefragmentationSettings(settings)
        for (host, stream, fragment) in [
            ("10.0.0.1", OverlapPolicy.linux, DefragmentationPolicy.linux),
            ("10.1.0.1", .bsd, .bsd), ("192.0.2.1", .windows, .windows),
        ] {
            let address = try #require(IPAddress(host))
            #expect(streams.policy(of: address) == stream)
            #expect(fragments.policy(for: address) == fragment)
        }
    }

    @Test func `the default can be replaced for all hosts`() throws {
        let policies = StreamSettings(settings("host-os-policy.solaris=0.0.0.0/0")).hostPolicies
        #expect(policies.policy(of: try #require(IPAddress("192.0.2.1"))) == .solaris)
    }

    @Test func `tunnels are looked for on their ports`() {
        let ports = DecoderSettings(
            settings("decoder.vxlan.ports=[4789,8472]", "decoder.teredo.enabled=no"), .auto
        ).tunnelPorts
        #expect(ports == TunnelPorts(vxlan: [4789, 8472], geneve: [6081], teredo: []))
        #expect(DecoderSettings(Settings(), .auto).tunnelPorts == TunnelPorts())
    }

    @Test func `protocols can be switched off`() {
        let names = Protocols.enabled(settings("app-layer.protocols.http.enabled=no")).map(\.name)
        #expect(!names.contains("http") && names.contains("dns"))
        let off = Set(Protocols.all.map(\.name)).subtracting(
            Protocols.enabled(Settings()).map(\.name))
        #expect(off == ["pgsql", "modbus", "dnp3", "enip"])
    }

    @Test func `streams and limits follow their settings`() {
        let settings = settings(
            "stream.reassembly.urgent.policy=gap", "stream.max-synack-queued=7",
            "decoder.max-layers=3",
            "app-layer.protocols.http.libhtp.default-config.double-decode-path=yes")
        #expect(StreamSettings(settings).urgentPolicy == .gap)
        #expect(StreamSettings(settings).synackQueuedMax == 7)
        #expect(DecoderSettings(settings, .auto).layerCountMax == 3)
        #expect(ProtocolLimits(settings).decodesPathTwice)
        #expect(!ProtocolLimits(settings).decodesQueryTwice)
    }
}
