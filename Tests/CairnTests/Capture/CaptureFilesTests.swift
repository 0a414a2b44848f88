import Testing

@testable import Cairn

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite struct CaptureFilesTests {
    private final class Problems {
        var list: [CaptureError] = []
    }

    /// A capture with a frame of one byte, `mark`, at each of some seconds.
    private func capture(_ mark: UInt8, at seconds: [UInt32]) -> [UInt8] {
        var maker = PcapMaker()
        for second in seconds { maker.add(seconds: second, [mark]) }
        return maker.bytes
    }

    /// What a run delivers, as "second:mark".
    private func read(
        _ paths: [String], options: CaptureFile.Options = .init(), problems: Problems = Problems()
    ) throws -> [String] {
        let source = try openCaptures(paths, options: options) { problems.list.append($0) }
        let run = readAll(source)
        #expect(run.error == nil)
        #expect(run.frames.map(\.number) == (0..<UInt64(run.frames.count)).map { $0 + 1 })
        for frame in run.frames {
            #expect(
                source.sourceNames[Int(frame.source)].last
                    == Character(Unicode.Scalar(frame.bytes[0])))
        }
        return run.frames.map { frame in
            "\(frame.nanoseconds / 1_000_000_000)\(Character(Unicode.Scalar(frame.bytes[0])))"
        }
    }

    private let a = UInt8(ascii: "a")
    private let b = UInt8(ascii: "b")
    private let c = UInt8(ascii: "c")

    @Test func `captures that follow each other are read in the order of time`() throws {
        let folder = TemporaryFolder()
        let paths = [
            folder.write("1-a", capture(a, at: [7, 8, 9])),
            folder.write("2-b", gzip(capture(b, at: [1, 2]))),
            folder.write("3-c", capture(c, at: [])),
        ]
        #expect(try read(paths) == ["1b", "2b", "7a", "8a", "9a"])
        #expect(try read([folder.path]) == ["1b", "2b", "7a", "8a", "9a"])
        #expect(try read([folder.path + "/"]) == ["1b", "2b", "7a", "8a", "9a"])
    }

    @Test func `captures that overlap are merged, the earlier one first where stamps are equal`()
        throws
    {
        let folder = TemporaryFolder()
        folder.write("a", capture(a, at: [1, 4, 6, 6, 9]))
        folder.write("b", capture(b, at: [3, 4, 6, 7]))
        folder.write("c", capture(c, at: [1, 1, 6, 20, 30]))
        #expect(
            try read([folder.path]) == [
                "1a", "1c", "1c", "3b", "4a", "4b", "6a", "6a", "6c", "6b", "7b", "9a", "20c",
                "30c",
            ])
    }

    @Test func `names decide where two captures begin at one moment`() throws {
        let folder = TemporaryFolder()
        let paths = [
            folder.write("2-b", capture(b, at: [5, 6])),
            folder.write("1-a", capture(a, at: [5, 6])),
        ]
        #expect(try read(paths) == ["5a", "5b", "6a", "6b"])
        #expect(try read(paths.reversed()) == ["5a", "5b", "6a", "6b"])
    }

    @Test func `a capture whose stamps go back keeps its own order`() throws {
        let folder = TemporaryFolder()
        let paths = [
            folder.write("1-a", capture(a, at: [1, 5, 3, 8])),
            folder.write("2-b", capture(b, at: [4, 6])),
        ]
        #expect(try read(paths) == ["1a", "4b", "5a", "3a", "6b", "8a"])
    }

    @Test(arguments: 0..<6)
    func `any captures are merged as by always taking the least next frame`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let folder = TemporaryFolder()
        var captures: [[UInt32]] = []
        for index in 0..<Int.random(in: 2...7, using: &random) {
            var second = UInt32.random(in: 0...60, using: &random)
            var seconds: [UInt32] = []
            for _ in 0..<Int.random(in: 0...40, using: &random) {
                second = UInt32(max(0, Int(second) + .random(in: -1...4, using: &random)))
                seconds.append(second)
            }
            captures.append(seconds)
            folder.write("\(index)", capture(UInt8(48 + index), at: seconds))
        }
        var order = captures.indices.sorted {
            (captures[$0].first.map { Int($0) } ?? -1, $0) < (
                captures[$1].first.map { Int($0) } ?? -1, $1
            )
        }
        order.removeAll { captures[$0].isEmpty }
        var expected: [String] = []
        while let next = order.min(by: { captures[$0].first ?? .max < captures[$1].first ?? .max }),
            let second = captures[next].first
        {
            expected.append("\(second)\(next)")
            captures[next].removeFirst()
        }
        for pieceByteCount in [40, 1 << 20] {
            let options = CaptureFile.Options(
                layout: PieceLayout(pieceByteCount: pieceByteCount),
                readsAhead: seed.isMultiple(of: 2))
            #expect(try read([folder.path], options: options) == expected)
        }
    }

    @Test func `merging large captures loses nothing`() throws {
        let folder = TemporaryFolder()
        let counts = [2_000, 1_500, 900]
        for (index, count) in counts.enumerated() {
            folder.write(
                "\(index)",
                PcapMaker.sample(
                    frames: count, from: 10, every: UInt32(index + 1), mark: UInt8(index)))
        }
        let run = readAll(try openCaptures([folder.path]) { _ in })
        #expect(run.frames.count == counts.reduce(0, +))
        #expect(
            zip(run.frames, run.frames.dropFirst()).allSatisfy { $0.nanoseconds <= $1.nanoseconds })
        for (index, count) in counts.enumerated() {
            let own = run.frames.filter { $0.source == UInt32(index) }
            let alone = readAll(folder.read("\(index)")).frames
            #expect(own.count == count)
            #expect(own.map(\.bytes) == alone.map(\.bytes))
        }
    }

    @Test func `more captures than may be open at once are all read`() throws {
        let folder = TemporaryFolder()
        let count = CaptureFiles.openCountMax + 10
        for index in 0..<count {
            folder.write(
                "\(1_000 + index)", capture(0, at: [UInt32(index), 2_000, UInt32(3_000 + index)]))
        }
        let source = try openCaptures([folder.path]) { _ in }
        let run = readAll(source)
        #expect(run.frames.count == 3 * count)
        var counters = Counters()
        source.report(into: &counters)
        #expect(counters["capture.files.opened"] == UInt64(count))
        #expect(counters["capture.files.late"] == 10)
    }

    @Test func `what cannot be read among several is told, and the run goes on`() throws {
        let folder = TemporaryFolder()
        folder.write("1-a", capture(a, at: [1, 2]))
        mkdir("\(folder.path)/within", 0o700)
        mkdir("\(folder.path)/within/it", 0o700)
        folder.write("within/it/d", capture(UInt8(ascii: "d"), at: [9]))
        let cut = capture(b, at: [5, 6])
        folder.write("2-b", Array(cut.dropLast(3)))
        folder.write("3-c", capture(c, at: [8]))
        folder.write("notes.txt", Array("my notes".utf8))
        mkdir("\(folder.path)/older", 0o700)
        symlink(folder.path, "\(folder.path)/loop")
        let problems = Problems()
        #expect(
            try read([folder.path, "/no/such"], problems: problems) == [
                "1a", "2a", "5b", "8c", "9d",
            ])
        #expect(
            problems.list == [
                .unreadable(path: "\(folder.path)/older", reason: "the folder is empty"),
                .notACapture(path: "\(folder.path)/notes.txt", looksLike: "text"),
                .unreadable(path: "/no/such", reason: "No such file or directory"),
                .cutOff(path: "\(folder.path)/2-b", offset: 41),
            ])
    }

    @Test func `a single capture's errors are those of the run`() throws {
        let folder = TemporaryFolder()
        let cut = folder.write("cut", Array(capture(a, at: [1, 2, 3]).dropLast()))
        let source = try openCaptures([cut]) { _ in Issue.record("no problem apart") }
        let run = readAll(source)
        var counters = Counters()
        source.report(into: &counters)
        #expect(counters["capture.files.broken"] == 1)
        #expect(run.frames.map(\.nanoseconds) == [1_000_000_000, 2_000_000_000])
        #expect(run.error == .cutOff(path: cut, offset: 58))
        #expect(
            throws: CaptureError.unreadable(path: "/no/such", reason: "No such file or directory")
        ) {
            try openCaptures(["/no/such"]) { _ in Issue.record("no problem apart") }
        }
    }

    @Test func `if nothing can be read, the first reason is thrown`() throws {
        let folder = TemporaryFolder()
        let text = folder.write("text", Array("text".utf8))
        let problems = Problems()
        #expect(throws: CaptureError.notACapture(path: text, looksLike: "text")) {
            try openCaptures([text, "/no/such"]) { problems.list.append($0) }
        }
        #expect(
            problems.list == [.unreadable(path: "/no/such", reason: "No such file or directory")])
        let empty = TemporaryFolder()
        #expect(throws: CaptureError.unreadable(path: empty.path, reason: "the folder is empty")) {
            try openCaptures([empty.path]) { _ in }
        }
    }

    @Test func `a list is expanded one level, for those who read each capture by itself`() {
        let folder = TemporaryFolder()
        for name in ["b", "a", "c.pcap"] { folder.write(name, []) }
        let (paths, problems) = CaptureList.expand(["-", folder.path, "/no/such"])
        #expect(
            paths == [
                "-", "\(folder.path)/a", "\(folder.path)/b", "\(folder.path)/c.pcap", "/no/such",
            ])
        #expect(problems == [])
    }

    @Test func `progress counts the bytes on disk`() throws {
        let folder = TemporaryFolder()
        let packed = gzip(PcapMaker.sample(frames: 500))
        let source = try openCaptures([folder.write("x", packed)]) { _ in }
        #expect(source.progress.byteCountTotal == UInt64(packed.count))
        _ = readAll(source)
        #expect(source.progress.byteCount == UInt64(packed.count))
    }

    @Test func `what was read, cut by the snap length and filtered is counted`() throws {
        let folder = TemporaryFolder()
        var maker = PcapMaker()
        for index in 0..<UInt32(10) {
            maker.add(seconds: index, arp, original: index < 3 ? 60 : 42)
            maker.add(seconds: index, [UInt8](repeating: 0, count: 60))
        }
        let path = folder.write("x", maker.bytes)
        let source = try openCaptures([path], filter: "arp") { _ in }
        let run = readAll(source)
        #expect(run.frames.map(\.number) == Array(1...10))
        #expect(run.frames.allSatisfy { $0.bytes == arp })
        var counters = Counters()
        source.report(into: &counters)
        #expect(counters["capture.frames"] == 10)
        #expect(counters["capture.filtered"] == 10)
        #expect(counters["capture.truncated"] == 3)
        #expect(counters["capture.bytes"] == UInt64(maker.bytes.count))
    }

    private let arp: [UInt8] =
        [UInt8](repeating: 0xff, count: 12) + [8, 6, 0, 1, 8, 0, 6, 4, 0, 1]
        + [UInt8](repeating: 1, count: 20)
}
