import Testing

@testable import Cairn

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite struct CaptureFileTests {
    static let samples = [PcapMaker.sample(frames: 60), PcapNGMaker.sample(packets: 60)]

    @Test(arguments: [1, 2, 3, 11, 16, 40, 100, 1_000, 1 << 16], [false, true])
    func `pieces of any size give the same frames`(pieceByteCount: Int, readsAhead: Bool) {
        for bytes in Self.samples {
            let whole = readAll(bytes)
            #expect(whole.frames.count >= 60)
            #expect(whole.error == nil)
            // Single bytes carry every record as often as it has bytes; a part of the file shows
            // the same.
            let part = pieceByteCount < 11 ? Array(bytes.prefix(6_000)) : bytes
            let expected = pieceByteCount < 11 ? readAll(part) : whole
            #expect(
                readAll(part, pieceByteCount: pieceByteCount, readsAhead: readsAhead) == expected)
        }
    }

    @Test func `compression changes nothing, in one piece or several`() {
        for bytes in Self.samples {
            let expected = readAll(bytes)
            let (first, second) = (Array(bytes.prefix(5_000)), Array(bytes.dropFirst(5_000)))
            let skippable: [UInt8] = [0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]
            let padding = [UInt8](repeating: 0, count: 700)
            for packed in [
                gzip(bytes), zstd(bytes), gzip(first) + gzip(second), zstd(first) + zstd(second),
                skippable + zstd(first) + skippable + zstd(second),
                gzip(first) + gzip([]) + gzip(second),
                gzip(bytes) + padding, gzip(first) + padding + gzip(second),
            ] {
                #expect(readAll(packed) == expected)
                #expect(readAll(packed, pieceByteCount: 1_000, readsAhead: true) == expected)
            }
        }
    }

    @Test(arguments: [false, true])
    func `data that expands a thousandfold is had piece by piece`(isZstd: Bool) {
        var maker = PcapMaker()
        for index in 0..<UInt32(40) {
            maker.add(seconds: index, [UInt8](repeating: 0, count: 200_000))
        }
        let packed = isZstd ? zstd(maker.bytes) : gzip(maker.bytes)
        let run = readAll(packed, readsAhead: true)
        #expect(run.error == nil)
        #expect(run.frames.count == 40)
        #expect(run.frames.allSatisfy { $0.bytes.count == 200_000 && $0.bytes[199_999] == 0 })
    }

    @Test(arguments: [false, true])
    func `a compressed file that is cut gives the frames of what is left`(isZstd: Bool) {
        let bytes = PcapMaker.sample(frames: 400)
        let whole = readAll(bytes)
        let packed = isZstd ? zstd(bytes) : gzip(bytes)
        for share in [3, 5, 9] {
            let run = readAll(Array(packed.prefix(packed.count * share / 10)))
            #expect(run.frames == Array(whole.frames.prefix(run.frames.count)))
            #expect(run.frames.count < whole.frames.count)
            let offset = 24 + run.frames.reduce(0) { $0 + 16 + $1.bytes.count }
            #expect(
                run.error == .cutOff(path: "test", offset: UInt64(run.frames.isEmpty ? 0 : offset)))
        }
        // The end mark is missing, all frames are there.
        let unmarked = readAll(Array(packed.dropLast(1)))
        if !isZstd { #expect(unmarked.frames == whole.frames) }
        #expect(unmarked.error != nil)
    }

    @Test(arguments: [1 << 20, 100])
    func `blocks before a damaged one are read`(pieceByteCount: Int) {
        var maker = PcapMaker()
        maker.add(seconds: 1, [1, 2, 3])
        // A frame of one raw block, and one of the type that is reserved (RFC 8878 §3.1.1.2.2).
        let blockHeader = [UInt8(maker.bytes.count << 3 & 0xff), UInt8(maker.bytes.count >> 5), 0]
        let packed = hex("28b52ffd 00 58") + blockHeader + maker.bytes + hex("060000")
        let run = readAll(packed, pieceByteCount: pieceByteCount)
        #expect(run.frames.map(\.bytes) == [[1, 2, 3]])
        #expect(
            run.error
                == .damaged(
                    path: "test", offset: UInt64(maker.bytes.count),
                    reason: "zstd: Data corruption detected"))
    }

    @Test func `a compressed file that is damaged says so with the place`() {
        let bytes = PcapMaker.sample(frames: 400)
        var packed = gzip(bytes)
        packed[packed.count - 6] ^= 1
        let checked = readAll(packed)
        #expect(checked.frames == readAll(bytes).frames)
        #expect(
            checked.error
                == .damaged(
                    path: "test", offset: UInt64(bytes.count), reason: "gzip: incorrect data check")
        )
        let trailing = readAll(gzip(bytes) + Array("garbage".utf8))
        #expect(trailing.frames == checked.frames)
        #expect(
            trailing.error
                == .damaged(
                    path: "test", offset: UInt64(bytes.count),
                    reason: "gzip: incorrect header check"))
    }

    @Test(
        arguments: [
            (Array("hello, this is no capture\n".utf8), "text"),
            (Array("\u{feff}  {\"a\": 1}".utf8), "JSON"),
            (
                Array("{\"timestamp\":\"x\",\"event_type\":\"alert\"}".utf8),
                "JSON records of events (eve.json)"
            ),
            (Array("<!DOCTYPE html><html>".utf8), "an HTML page"),
            ([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0], "an ELF program"),
            (Array("PK\u{03}\u{04}....".utf8), "a ZIP archive"),
            (Array("%PDF-1.7".utf8), "a PDF document"),
            ([], "an empty file"),
            (Array("snoop\0\0\0\0\0\0\u{02}".utf8), "a snoop capture (Solaris)"),
            (Array("GMBU\0\u{02}".utf8), "a Microsoft Network Monitor capture"),
            (
                [
                    0x12, 0x34, 0x56, 0x78, 0x80, 0x43, 0x6d, 0x38, 2, 4, 0, 0x52, 0, 0, 0, 0x40,
                    0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 1, 2, 3, 4, 5, 8, 0,
                ], "an ERF capture (Endace)"
            ),
            ([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0], "xz data"),
            (gzip(Array("abc".utf8)), "gzip that contains text"),
            (gzip(gzip(PcapMaker.sample(frames: 1))), "gzip that contains gzip data"),
            (zstd([]), "zstd that contains an empty file"),
            ([UInt8](repeating: 0, count: 100), "nothing but zeros"),
            ([0xd4, 0xc3, 0xb2], "unknown binary data"),
            ([0x80, 0x01, 0xff, 0x00, 0x10], "unknown binary data"),
        ] as [([UInt8], String)])
    func `what is no capture is named`(bytes: [UInt8], kind: String) {
        #expect(readAll(bytes).error == .notACapture(path: "test", looksLike: kind))
    }

    @Test func `a file that cannot be had tells the system's reason`() {
        #expect(
            throws: CaptureError.unreadable(path: "/no/such", reason: "No such file or directory")
        ) {
            try CaptureFile(path: "/no/such")
        }
        #expect(throws: CaptureError.unreadable(path: "/tmp", reason: "Is a directory")) {
            try CaptureFile(path: "/tmp")
        }
    }

    @Test func `a named pipe is read as it comes`() throws {
        let folder = TemporaryFolder()
        let path = "\(folder.path)/pipe"
        #expect(mkfifo(path, 0o600) == 0)
        let bytes = PcapNGMaker.sample(packets: 300)
        let writer = Writer(path: path, bytes: gzip(bytes))
        writer.start()
        let source = try openCaptures([path]) { _ in }
        #expect(source.progress.byteCountTotal == nil)
        #expect(readAll(source) == readAll(bytes))
        #expect(source.progress.byteCount == UInt64(writer.bytes.count))
    }

    /// Writes into a pipe from another thread, a little at a time.
    private final class Writer: Sendable {
        let path: String
        let bytes: [UInt8]

        init(path: String, bytes: [UInt8]) {
            self.path = path
            self.bytes = bytes
        }

        func start() {
            let argument = Unmanaged.passRetained(self).toOpaque()
            #if canImport(Darwin)
                var thread: pthread_t?
            #else
                var thread = pthread_t()
            #endif
            pthread_create(
                &thread, nil,
                { argument in
                    #if canImport(Darwin)
                        let pointer: UnsafeMutableRawPointer? = argument
                    #else
                        let pointer = argument
                    #endif
                    guard let pointer else { return nil }
                    Unmanaged<Writer>.fromOpaque(pointer).takeRetainedValue().run()
                    return nil
                }, argument)
        }

        private func run() {
            let descriptor = open(path, O_WRONLY)
            var offset = 0
            while offset < bytes.count {
                let count = min(997, bytes.count - offset)
                offset += bytes.withUnsafeBytes {
                    write(descriptor, $0.baseAddress! + offset, count)
                }
            }
            close(descriptor)
        }
    }
}
