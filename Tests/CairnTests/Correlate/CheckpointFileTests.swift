import Foundation
import Testing

@testable import Cairn

/// The state as a file: replaced as a whole, held by one run, refused if it is not what it seems.
@Suite struct CheckpointFileTests {
    private let folder = TemporaryFolder()
    private let stream = CorrelationStream(seed: 3)

    private var path: String { "\(folder.path)/state" }

    private func correlator(
        _ file: CheckpointFile, _ stream: CorrelationStream? = nil
    ) throws(CheckpointError) -> Correlator {
        let stream = stream ?? self.stream
        return try file.correlator(
            program: stream.program, settings: stream.settings, sink: { _ in })
    }

    /// Saves the state behind half of the stream, and returns its bytes.
    private func save() throws -> [UInt8] {
        let file = try CheckpointFile(path: path)
        let correlator = try correlator(file)
        let reader = AlertFileReader(correlator: correlator)
        CorrelationStream.text(stream.lines[..<70]).withUnsafeBytes { reader.add($0) }
        let output = folder.write("output", Array("one\ntwo\n".utf8))
        file.outputs["incident"] = try LineWriter(path: output, goingOnBehind: nil).acknowledge()
        file.note("a.json", lineCount: 2, file.outputs["incident"])
        try file.save(correlator)
        return [UInt8](try Data(contentsOf: URL(filePath: path)))
    }

    private func write(_ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(filePath: path))
    }

    @Test func `a file tells what was saved in it`() throws {
        let bytes = try save()
        let file = try CheckpointFile(path: path)
        #expect(!file.isNew && !file.isClosed)
        #expect(file.outputs["incident"]?.byteCount == 8)
        #expect(file.input("a.json")?.lineCount == 2)
        #expect(file.input("b.json") == nil)
        let correlator = try correlator(file)
        try file.save(correlator)
        #expect([UInt8](try Data(contentsOf: URL(filePath: path))) == bytes)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == [
                "output", "state",
            ])
    }

    @Test func `a file belongs to one run at a time`() throws {
        do {
            let file = try CheckpointFile(path: path)
            #expect(file.isNew)
            #expect(throws: CheckpointError("is in use by another run")) {
                try CheckpointFile(path: path)
            }
            try file.save(correlator(file))
            #expect(throws: CheckpointError("is in use by another run")) {
                try CheckpointFile(path: path)
            }
        }
        let file = try CheckpointFile(path: path)
        #expect(!file.isNew)
        try file.closeStream()
        #expect(throws: CheckpointError("is in use by another run")) {
            try CheckpointFile(path: path)
        }
    }

    @Test func `a state that was closed says so`() throws {
        _ = try save()
        try CheckpointFile(path: path).closeStream()
        #expect(try CheckpointFile(path: path).isClosed)
    }

    @Test func `what a killed run left of a new state is written over`() throws {
        folder.write("state.new", Array(repeating: 7, count: 100_000))
        let file = try CheckpointFile(path: path)
        #expect(file.isNew)
        try file.save(correlator(file))
        #expect(throws: Never.self) { _ = try correlator(file) }
    }

    @Test func `a folder or a place without one cannot be a state`() throws {
        #expect(throws: CheckpointError.self) { try CheckpointFile(path: folder.path) }
        #expect(throws: CheckpointError.self) {
            try CheckpointFile(path: "\(folder.path)/no/state")
        }
    }

    @Test func `other rules and other settings are told apart`() throws {
        _ = try save()
        var other = stream
        other.settings.signalsListedMax += 1
        #expect(throws: CheckpointError("was saved with other settings")) {
            try correlator(try CheckpointFile(path: path), other)
        }
        #expect(throws: CheckpointError("was saved with other correlation rules")) {
            try correlator(try CheckpointFile(path: path), CorrelationStream(seed: 4))
        }
        var looks = stream
        looks.settings.writesFinalRecordsOnly = true
        #expect(throws: Never.self) { try correlator(try CheckpointFile(path: path), looks) }
    }

    @Test func `any changed byte is noticed`() throws {
        let bytes = try save()
        for place in stride(from: 0, to: bytes.count, by: 41) {
            var changed = bytes
            changed[place] ^= 0x10
            try write(changed)
            #expect(throws: CheckpointError.self, "byte \(place)") {
                _ = try correlator(try CheckpointFile(path: path))
            }
            try write(Array(bytes[..<place]))
            #expect(throws: CheckpointError.self, "cut at \(place)") {
                try CheckpointFile(path: path)
            }
        }
    }

    @Test func `with a right checksum the head is not believed either`() throws {
        let bytes = try save()
        var numbers = SeededNumbers(seed: 5)
        for _ in 0..<400 {
            // Behind magic, format and fingerprints; the outputs and inputs, and what follows.
            var changed = Array(bytes.dropLast(32))
            let place = Int.random(in: 76..<300, using: &numbers)
            switch Int.random(in: 0..<4, using: &numbers) {
            case 0: changed[place] = UInt8.random(in: 0...255, using: &numbers)
            case 1:
                changed.replaceSubrange(place...place, with: Array(repeating: 0xff, count: 9) + [1])
            case 2: changed.removeSubrange(place..<place + 5)
            default: changed.removeSubrange(place...)
            }
            try write(changed + Digest.hash(.sha256, changed))
            do throws(CheckpointError) {
                _ = try correlator(try CheckpointFile(path: path)).savedState
            } catch {
                #expect(!error.reason.isEmpty)
            }
        }
    }

    // MARK: Marks

    @Test(arguments: [0, 1, 100, 4_096, 5_000, 8_192, 20_000])
    func `a mark knows its file again`(byteCount: Int) throws {
        let bytes = (0..<20_001).map { UInt8(truncatingIfNeeded: $0 * $0 % 251) }
        func mark(_ bytes: [UInt8], _ count: Int) throws -> FileMark? {
            let file = try #require(FileHandle(forReadingAtPath: folder.write("f", bytes)))
            return FileMark(descriptor: file.fileDescriptor, byteCount: count)
        }
        let known = try #require(try mark(bytes, byteCount))
        // It may grow; it may not be shorter, nor begin or go on differently.
        #expect(try mark(bytes + [1, 2, 3], byteCount) == known)
        #expect(
            try byteCount == 0 || mark(Array(bytes[..<max(0, byteCount - 1)]), byteCount) == nil)
        for place in [0, byteCount - 1] where byteCount > 0 {
            var changed = bytes
            changed[place] ^= 1
            #expect(try mark(changed, byteCount) != known)
        }
        #expect(try mark(bytes, 1 << 59) == nil)
    }
}
