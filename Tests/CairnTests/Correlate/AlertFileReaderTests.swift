import Foundation
import Testing

@testable import Cairn

/// Lines of alert files, whole or in pieces, become alerts; what is none is counted with its place.
@Suite struct AlertFileReaderTests {
    private let correlator = Correlator(
        program: CorrelationProgram(rules: [], detections: []), settings: CorrelationSettings(),
        sink: { _ in })

    private func read(_ text: String, pieceByteCount: Int = .max, isStrict: Bool = false)
        -> AlertFileReader
    {
        let reader = AlertFileReader(correlator: correlator, isStrict: isStrict)
        reader.begin(path: "a.jsonl")
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: min(pieceByteCount, bytes.count)) {
            let piece = bytes[start..<min(bytes.count, start + min(pieceByteCount, bytes.count))]
            piece.withUnsafeBytes { reader.add($0) }
        }
        reader.end()
        return reader
    }

    private static let alert =
        #"{"time":"2026-01-02T03:04:05.000000000Z","rule":{"id":"r"},"src":{"ip":"10.0.0.1"}}"#

    @Test(arguments: [1, 2, 7, 64, Int.max])
    func `lines may come in any pieces`(pieceByteCount: Int) {
        let text = [
            Self.alert, "", #"{"event_type":"flow","timestamp":"2026-01-02T03:04:05.000000+0000"}"#,
            " \r", "{broken", #"{"kind":"incident"}"#,
            #"{"clock":"2026-01-02T03:04:06Z"}"#, #"{"rule":{"id":"r"}}"#, Self.alert,
        ].joined(separator: "\n")
        let reader = read(text, pieceByteCount: pieceByteCount)
        #expect(reader.lineCount == 9)
        #expect(correlator.counts.alerts == 2)
        #expect(reader.otherCount == 2)
        #expect(
            reader.brokenLines.map(\.description) == [
                "a.jsonl:5:1: warning: the line is no JSON object",
                "a.jsonl:8:1: warning: the line has no time as 2026-01-02T03:04:05.123456Z",
            ])
    }

    @Test func `a strict reader ends at the first broken line`() {
        let reader = read("[]\n\(Self.alert)\n", isStrict: true)
        #expect(reader.isStopped)
        #expect(reader.lineCount == 1)
        #expect(correlator.counts.alerts == 0)
        #expect(
            reader.brokenLines.map(\.description) == [
                "a.jsonl:1:1: error: the line is no JSON object"
            ])
    }

    @Test(arguments: [1 << 20, AlertFileReader.lineByteCountMax, Int.max])
    func `a line longer than the limit is broken and forgotten`(pieceByteCount: Int) {
        let long = String(repeating: "x", count: AlertFileReader.lineByteCountMax + 1)
        let reader = read("\(long)\n\(Self.alert)\n", pieceByteCount: pieceByteCount)
        #expect(reader.brokenCount == 1)
        #expect(reader.brokenLines.first?.message == "the line is longer than 16 MiB")
        #expect(correlator.counts.alerts == 1)
    }

    @Test func `of many broken lines the first are listed, all counted`() {
        let reader = read(String(repeating: "?\n", count: 250))
        #expect(reader.brokenCount == 250)
        #expect(reader.brokenLines.count == AlertFileReader.brokenLinesListedMax)
    }

    @Test func `a file that is not there says so`() {
        #expect(throws: AlertFileError.self) {
            try AlertFileReader(correlator: correlator).read(
                path: "no/such.jsonl", following: false, stop: StopFlag(), onChunk: {})
        }
    }
}
