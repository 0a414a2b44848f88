import Testing

@testable import Cairn

@Suite struct ARPTests {
    static let request = hex(
        "0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002")

    @Test func `a request names both ends`() throws {
        let message = try ARPMessage(decoding: Self.request.span.bytes)
        #expect(message.operation == 1)
        #expect(message.senderHardware == 0x0200_0000_0001 && message.targetHardware == 0)
        #expect(message.senderAddress == Wire.client && message.targetAddress == Wire.server)
    }

    @Test(arguments: 0..<28)
    func `a message cut short says how much there was`(available: Int) {
        #expect(
            throws: DecodeError.truncated(
                .arpTooSmall, needed: available < 8 ? 8 : 28, available: available)
        ) {
            try ARPMessage(decoding: Array(Self.request.prefix(available)).span.bytes)
        }
    }

    static let wrong: [(Int, UInt8, DecodeAnomaly)] = [
        (1, 6, .arpUnsupportedHardware), (2, 0x86, .arpUnsupportedProtocol),
        (4, 8, .arpInvalidHardwareSize), (5, 16, .arpInvalidProtocolSize),
        (7, 0, .arpUnsupportedOpcode), (7, 10, .arpUnsupportedOpcode),
    ]

    @Test(arguments: wrong)
    func `fields that do not belong together are named`(
        offset: Int, value: UInt8, anomaly: DecodeAnomaly
    ) {
        var bytes = Self.request
        bytes[offset] = value
        #expect(throws: DecodeError.malformed(anomaly)) {
            try ARPMessage(decoding: bytes.span.bytes)
        }
    }

    @Test func `a frame with a message has it as payload`() {
        let bench = DecodeBench()
        let packet = bench.decode(Wire.ethernet(0x0806, Self.request))[0]
        #expect(packet.ipVersion == 0 && packet.etherType == 0x0806)
        #expect(packet.payloadArray == Self.request)
        #expect(bench.counters["decoder.arp"] == 1)
    }
}
