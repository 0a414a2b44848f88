import Testing

@testable import Cairn

@Suite struct PcapReaderTests {
    struct Kind: Sendable {
        var bigEndian: Bool, nanoseconds: Bool, kuznetzov: Bool
        static let all = [
            Kind(bigEndian: false, nanoseconds: false, kuznetzov: false),
            Kind(bigEndian: true, nanoseconds: false, kuznetzov: false),
            Kind(bigEndian: false, nanoseconds: true, kuznetzov: false),
            Kind(bigEndian: true, nanoseconds: true, kuznetzov: false),
            Kind(bigEndian: false, nanoseconds: false, kuznetzov: true),
            Kind(bigEndian: true, nanoseconds: false, kuznetzov: true),
        ]
    }

    @Test(arguments: Kind.all)
    func `every variant and byte order gives the same frames`(kind: Kind) {
        var maker = PcapMaker(
            bigEndian: kind.bigEndian, nanoseconds: kind.nanoseconds, kuznetzov: kind.kuznetzov)
        maker.add(seconds: 1_700_000_000, fraction: 5, [1, 2, 3])
        maker.add(seconds: 1_700_000_000, fraction: 999_999, [], original: 60)
        maker.add(seconds: 4_294_967_295, fraction: 0, [9], original: 1_500)
        let tick: Int64 = kind.nanoseconds ? 1 : 1_000
        #expect(
            readAll(maker.bytes).frames == [
                SeenFrame(1, at: 1_700_000_000_000_000_000 + 5 * tick, [1, 2, 3]),
                SeenFrame(2, at: 1_700_000_000_000_000_000 + 999_999 * tick, [], original: 60),
                SeenFrame(3, at: 4_294_967_295_000_000_000, [9], original: 1_500),
            ])
    }

    @Test func `the first bytes are those of a file that tcpdump writes`() {
        let bytes: [UInt8] = [
            0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
            0x80, 0x43, 0x6d, 0x38, 0x10, 0x27, 0, 0, 2, 0, 0, 0, 0x3c, 0, 0, 0, 0xab, 0xcd,
        ]
        #expect(
            readAll(bytes)
                == SeenRun(frames: [
                    SeenFrame(1, at: 946_684_800_010_000_000, [0xab, 0xcd], original: 60)
                ]))
    }

    @Test(
        arguments: [
            (1, 1), (0x1400_0001, 1), (0x2c00_0065, 101), (0x03ff_ffff, 0x03ff_ffff),
        ] as [(UInt32, UInt32)])
    func `the frame check sequence is no part of the link type`(word: UInt32, linkType: UInt32) {
        var maker = PcapMaker(linkType: word)
        maker.add(seconds: 1, [0])
        #expect(readAll(maker.bytes).frames.map(\.linkType) == [linkType])
    }

    @Test func `files before version 2 4 may have their lengths exchanged`() {
        var maker = PcapMaker(version: (2, 3))
        maker.add(seconds: 1, [1, 2], captured: 60, original: 2)
        maker.add(seconds: 2, [3, 4], captured: 2, original: 60)
        #expect(readAll(maker.bytes).frames.map(\.bytes) == [[1, 2], [3, 4]])
    }

    @Test func `a length on the wire below the captured one is not believed`() {
        var maker = PcapMaker()
        maker.add(seconds: 1, [1, 2, 3], original: 1)
        #expect(readAll(maker.bytes).frames == [SeenFrame(1, at: 1_000_000_000, [1, 2, 3])])
    }

    @Test func `an unknown version is named`() {
        #expect(
            readAll(PcapMaker(version: (3, 1)).bytes).error
                == .damaged(
                    path: "test", offset: 0, reason: "version 3.1 of pcap is not known"))
    }

    @Test func `a file cut anywhere gives its whole frames and where the cut one begins`() {
        var maker = PcapMaker()
        var ends = [24]
        for count in [3, 0, 40] {
            maker.add(seconds: 1, [UInt8](repeating: 7, count: count))
            ends.append(maker.bytes.count)
        }
        let whole = readAll(maker.bytes).frames
        for length in 4..<maker.bytes.count {
            let run = readAll(Array(maker.bytes.prefix(length)))
            let complete = ends.lastIndex { $0 <= length } ?? 0
            let start = length < 24 ? 0 : ends[complete]
            #expect(run.frames == Array(whole.prefix(complete)))
            #expect(
                run.error
                    == (start == length ? nil : .cutOff(path: "test", offset: UInt64(start))))
        }
    }

    @Test(arguments: [262_144, 262_145, 1 << 31, .max] as [UInt32])
    func `a length beyond every snap length is damage, behind the frames before`(length: UInt32) {
        var maker = PcapMaker()
        maker.add(seconds: 1, [1])
        maker.add(seconds: 2, [2], captured: length)
        let run = readAll(maker.bytes)
        #expect(run.frames.count == 1)
        let cutOff = CaptureError.cutOff(path: "test", offset: 41)
        let damaged = CaptureError.damaged(
            path: "test", offset: 41, reason: "a frame of \(length) bytes is announced")
        #expect(run.error == (length <= 262_144 ? cutOff : damaged))
    }

    @Test func `more small frames than a batch holds are all delivered`() {
        var maker = PcapMaker()
        for index in 0..<UInt32(3 * FrameBatch.frameCountMax + 5) {
            maker.add(seconds: index, [UInt8(truncatingIfNeeded: index)])
        }
        let run = readAll(maker.bytes)
        #expect(run.error == nil)
        #expect(
            run.frames.map(\.nanoseconds)
                == (0..<Int64(3 * FrameBatch.frameCountMax + 5)).map { $0 * 1_000_000_000 })
    }
}
