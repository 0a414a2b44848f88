import Testing

@testable import Cairn

@Suite struct PcapNGReaderTests {
    @Test func `sections of both byte orders have interfaces of their own`() {
        var maker = PcapNGMaker()
        maker.addInterface()
        maker.addInterface(linkType: 101)
        maker.addPacket(interface: 1, ticks: 1_000_001, [1])
        maker.addSection(bigEndian: true)
        maker.addInterface(linkType: 113, resolution: 9)
        maker.addPacket(interface: 0, ticks: 2_000_000_001, [2, 3], original: 90)
        #expect(
            readAll(maker.bytes)
                == SeenRun(frames: [
                    SeenFrame(1, at: 1_000_001_000, [1], linkType: 101),
                    SeenFrame(2, at: 2_000_000_001, [2, 3], original: 90, linkType: 113),
                ]))
    }

    @Test(
        arguments: [
            (nil, 0, 1_500_000, 1_500_000_000),
            (0, 0, 7, 7_000_000_000),
            (3, 0, 1_500, 1_500_000_000),
            (9, 0, 123, 123),
            (12, 0, 123_999, 123),
            (28, 0, .max, 1),
            (29, 0, .max, 0),
            (127, 0, .max, 0),
            (0x80, 0, 3, 3_000_000_000),
            (0x81, 0, 3, 1_500_000_000),
            (0x94, 0, 1 << 20, 1_000_000_000),
            (0xa0, 0, 6_442_450_944, 1_500_000_000),
            (0xbf, 0, 1 << 62, 500_000_000),
            (0xc0, 0, 1 << 63, 500_000_000),
            (0xff, 0, .max, 0),
            (6, 10, 1, 10_000_001_000),
            (6, -10, 1, -9_999_999_000),
            (6, .max, 1, .max),
            (6, .min, 1, .min + 1_000),
            (6, 0, .max, .max),
            (0, 0, 1 << 60, .max),
            (9, 0, .max, .max),
            (0x80, 0, .max, .max),
        ] as [(UInt8?, Int64, UInt64, Int64)])
    func `stamps count in the unit and from the start that the interface tells`(
        resolution: UInt8?, offset: Int64, ticks: UInt64, nanoseconds: Int64
    ) {
        var maker = PcapNGMaker()
        maker.addInterface(resolution: resolution, offsetSeconds: offset == 0 ? nil : offset)
        maker.addPacket(ticks: ticks, [0])
        #expect(readAll(maker.bytes).frames.map(\.nanoseconds) == [nanoseconds])
    }

    @Test(arguments: [false, true])
    func `simple and obsolete packets are read, other blocks passed over`(bigEndian: Bool) {
        var maker = PcapNGMaker(bigEndian: bigEndian)
        maker.addInterface(linkType: 228, snapLength: 4)
        maker.addSimplePacket([1, 2, 3])
        maker.addObsoletePacket(interface: 0, ticks: 5_000_000, [4])
        maker.addBlock(0x4000_0bad) { $0.add(UInt32(32_473)) }
        maker.addSimplePacket([5, 6, 7, 8], original: 1_000)
        #expect(
            readAll(maker.bytes)
                == SeenRun(frames: [
                    SeenFrame(1, at: 0, [1, 2, 3], linkType: 228),
                    SeenFrame(2, at: 5_000_000_000, [4], linkType: 228),
                    SeenFrame(3, at: 5_000_000_000, [5, 6, 7, 8], original: 1_000, linkType: 228),
                ]))
    }

    @Test(arguments: [100, 300_000, 3_000_000])
    func `a block of any size is passed over`(byteCount: Int) {
        var maker = PcapNGMaker()
        maker.addInterface()
        maker.addBlock(10) { $0.bytes += [UInt8](repeating: 0xaa, count: byteCount) }
        maker.addPacket(ticks: 1, [1])
        #expect(readAll(maker.bytes).frames == [SeenFrame(1, at: 1_000, [1])])
        let cut = readAll(Array(maker.bytes.prefix(48 + 8 + byteCount / 2)))
        #expect(cut == SeenRun(error: .cutOff(path: "test", offset: 60)))
    }

    struct Damage: Sendable, CustomTestStringConvertible {
        var reason: String
        var offset: UInt64
        var make: @Sendable (inout PcapNGMaker) -> Void
        var testDescription: String { reason }
    }

    @Test(arguments: [
        Damage(reason: "a block of 36 bytes ends as one of 40", offset: 60) { maker in
            maker.addBlock(6, trailer: 40) { $0.bytes += [UInt8](repeating: 0, count: 24) }
        },
        Damage(reason: "a block of 16 bytes ends as one of 0", offset: 60) { maker in
            maker.addBlock(99, trailer: 0) { $0.add(UInt32(0)) }
        },
        Damage(reason: "a block of 8 bytes is announced", offset: 60) { maker in
            maker.output.add(UInt32(6))
            maker.output.add(UInt32(8))
            maker.output.add(UInt32(8))
        },
        Damage(reason: "a block of 4294967292 bytes is announced", offset: 60) { maker in
            maker.output.add(UInt32(6))
            maker.output.add(UInt32(0xffff_fffc))
            maker.output.add(UInt32(0))
        },
        Damage(reason: "a block of 33 bytes is announced", offset: 60) { maker in
            maker.output.add(UInt32(6))
            maker.output.add(UInt32(33))
            maker.output.add(UInt32(0))
        },
        Damage(reason: "interface 1 is not described", offset: 60) { maker in
            maker.addPacket(interface: 1, ticks: 0, [])
        },
        Damage(reason: "interface 0 is not described", offset: 88) { maker in
            maker.addSection(bigEndian: false)
            maker.addSimplePacket([1])
        },
        Damage(reason: "a frame of 300 bytes is announced", offset: 60) { maker in
            maker.addBlock(6) { body in
                body.add(UInt64(0))
                body.add(UInt32(0))
                body.add(UInt32(300))
                body.add(UInt32(300))
            }
        },
        Damage(reason: "a frame of 9 bytes is announced", offset: 60) { maker in
            maker.addSimplePacket([1, 2, 3, 4], original: 9)
        },
        Damage(reason: "a packet block is too short", offset: 60) { maker in
            maker.addBlock(6) { $0.add(UInt32(0)) }
        },
        Damage(reason: "an interface block is too short", offset: 60) { maker in
            maker.addBlock(1) { $0.add(UInt32(1)) }
        },
        Damage(reason: "a statistics block is too short", offset: 60) { maker in
            maker.addBlock(5) { $0.add(UInt32(0)) }
        },
        Damage(reason: "an option of 9 bytes runs out of its block", offset: 60) { maker in
            maker.addBlock(1) { body in
                body.add(UInt64(1))
                body.add(UInt16(2))
                body.add(UInt16(9))
                body.add(UInt32(0))
            }
        },
        Damage(reason: "version 2.0 of pcapng is not known", offset: 60) { maker in
            maker.addSection(bigEndian: true, major: 2)
        },
        Damage(reason: "a section has no byte order", offset: 60) { maker in
            maker.addBlock(0x0a0d_0d0a) { $0.bytes += [UInt8](repeating: 1, count: 16) }
        },
        Damage(reason: "a section header is too short", offset: 60) { maker in
            maker.addBlock(0x0a0d_0d0a) { $0.add(UInt32(0x1a2b_3c4d)) }
        },
    ])
    func `a contradiction ends the capture where it stands`(damage: Damage) {
        var maker = PcapNGMaker()
        maker.addInterface()
        damage.make(&maker)
        let error = CaptureError.damaged(
            path: "test", offset: damage.offset, reason: damage.reason)
        for pieceByteCount in [1, 7, 1 << 20] {
            #expect(
                readAll(maker.bytes, pieceByteCount: pieceByteCount) == SeenRun(error: error))
        }
    }

    @Test func `interfaces are bounded`() {
        var maker = PcapNGMaker()
        for _ in 0...PcapNGReader.interfaceCountMax {
            maker.addBlock(1) { $0.add(UInt64(1)) }
        }
        #expect(
            readAll(maker.bytes).error
                == .damaged(
                    path: "test", offset: UInt64(28 + 20 * PcapNGReader.interfaceCountMax),
                    reason: "more than 65536 interfaces are described"))
    }

    @Test func `drops are those of the last statistics of each interface`() throws {
        func number(_ value: UInt8) -> [UInt8] { [value, 0, 0, 0, 0, 0, 0, 0] }
        var maker = PcapNGMaker()
        maker.addInterface()
        maker.addInterface()
        maker.addStatistics(ticks: 1, options: [(5, number(1)), (7, number(2))])
        maker.addStatistics(interface: 1, ticks: 1, options: [(4, number(200)), (5, number(10))])
        maker.addStatistics(ticks: 2, options: [(5, number(3)), (7, number(4))])
        maker.addSection(bigEndian: false)
        maker.addInterface()
        maker.addStatistics(ticks: 3, options: [(5, number(100))])
        maker.addBlock(4) { $0.add(UInt32(0)) }
        let file = try CaptureFile(path: "test", bytes: MemorySource(maker.bytes))
        #expect(readAll { batch throws(CaptureError) in try file.fill(batch) } == SeenRun())
        var counters = Counters()
        file.report(into: &counters)
        #expect(counters["capture.kernel_ifdrops"] == 113)
        #expect(counters["capture.kernel_drops"] == 4)
        #expect(counters["capture.blocks_skipped"] == 1)
    }
}
