import Testing

@testable import Cairn

/// A correlator that stops and goes on from its saved state gives the bytes of one that never
/// stopped (CORRELATION.md §11).
@Suite struct CheckpointTests {
    /// A run that may be interrupted.
    final class Run {
        let output = OutputBox()
        private let program: CorrelationProgram
        private let settings: CorrelationSettings
        private(set) var correlator: Correlator
        private var reader: AlertFileReader

        init(_ stream: CorrelationStream) {
            (program, settings) = (stream.program, stream.settings)
            correlator = Correlator(program: program, settings: settings) { [output] in
                output.bytes += $0
            }
            reader = AlertFileReader(correlator: correlator)
            reader.begin(path: "alerts.jsonl")
        }

        func add(_ lines: some Sequence<String>) {
            CorrelationStream.text(lines).withUnsafeBytes { reader.add($0) }
        }

        /// Saves the state; goes on from it in a new correlator if asked to.
        func save(resuming: Bool = false) throws -> [UInt8] {
            let state = correlator.savedState
            if resuming {
                correlator = try Correlator(
                    program: program, settings: settings, savedState: state
                ) { [output] in output.bytes += $0 }
                reader = AlertFileReader(correlator: correlator)
                reader.begin(path: "alerts.jsonl")
            }
            return state
        }

        func finish() -> String {
            correlator.finish()
            return String(decoding: output.bytes, as: UTF8.self)
        }
    }

    private func uninterrupted(_ stream: CorrelationStream) -> String {
        let run = Run(stream)
        run.add(stream.lines)
        return run.finish()
    }

    @Test(arguments: 0..<30)
    func `stopping at any moments changes no byte`(seed: UInt64) throws {
        let stream = CorrelationStream(seed: seed)
        let whole = uninterrupted(stream)
        var numbers = SeededNumbers(seed: ~seed)
        for stopCount in [1, 1, 3] {
            let stops = (0..<stopCount).map { _ in
                Int.random(in: 0...stream.lines.count, using: &numbers)
            }.sorted()
            let run = Run(stream)
            var start = 0
            for stop in stops {
                run.add(stream.lines[start..<stop])
                start = stop
                let state = try run.save(resuming: true)
                // Nothing was lost on the way: what was restored is saved as what it came from.
                #expect(run.correlator.savedState == state, "stop \(stop)")
            }
            run.add(stream.lines[start...])
            #expect(run.finish() == whole, "stops \(stops)")
        }
    }

    @Test func `stopping after each line changes no byte`() throws {
        let stream = CorrelationStream(seed: 1_000, alertCount: 80)
        let run = Run(stream)
        for line in stream.lines {
            run.add([line])
            _ = try run.save(resuming: true)
        }
        #expect(run.finish() == uninterrupted(stream))
    }

    @Test func `saving changes nothing in the run that goes on`() throws {
        let stream = CorrelationStream(seed: 1_001)
        let run = Run(stream)
        for line in stream.lines {
            run.add([line])
            _ = try run.save()
        }
        #expect(run.finish() == uninterrupted(stream))
    }

    @Test func `the streams reach what states hold`() throws {
        var seen = ""
        for seed in 0..<30 { seen += uninterrupted(CorrelationStream(seed: UInt64(seed))) }
        for record in [
            #""reason":"evicted""#, #""reason":"max-duration""#, #""reason":"quiet""#,
            #""reason":"end-of-input""#, #""continues":""#, #""status":"update""#,
            #""pending":{"c"#, #""evicted_groups":{"c"#, #""dropped_items":{"c"#,
            #""ungrouped":{"c"#, #""uncounted":{"c"#, #"["pair","#, #""firing":""#,
            #""more_victims":false"#,
        ] {
            #expect(seen.contains(record), "\(record)")
        }
        for type in CorrelationType.allCases {
            #expect(seen.contains(#""type":"\#(type)""#), "\(type)")
        }
        for rule in ["outer", "outermost"] + (0..<20).map({ "c\($0)" }) {
            #expect(seen.contains(#""rule":{"id":"\#(rule)""#), "\(rule)")
        }
    }

    // MARK: Damage

    private static let stateRun = {
        let stream = CorrelationStream(seed: 7)
        let run = Run(stream)
        run.add(stream.lines[..<90])
        return (stream: stream, state: run.correlator.savedState)
    }()

    /// Restores a state, and goes on with it if there is nothing to be said against it.
    private func use(_ state: [UInt8], _ stream: CorrelationStream) throws(CheckpointError) {
        let correlator = try Correlator(
            program: stream.program, settings: stream.settings, savedState: state, sink: { _ in })
        let reader = AlertFileReader(correlator: correlator)
        CorrelationStream.text(stream.lines[90...]).withUnsafeBytes { reader.add($0) }
        _ = correlator.savedState
        correlator.finish()
    }

    @Test func `a state cut off anywhere is refused`() throws {
        let (stream, state) = Self.stateRun
        try use(state, stream)
        for count in stride(from: 0, to: state.count, by: 7) {
            #expect(throws: CheckpointError.self) { try use(Array(state[..<count]), stream) }
        }
        #expect(throws: CheckpointError.self) { try use(state + [0], stream) }
    }

    @Test(arguments: 0..<6)
    func `whatever a state says, it is refused or goes on`(seed: UInt64) {
        var numbers = SeededNumbers(seed: seed)
        let stream = CorrelationStream(seed: seed)
        let run = Run(stream)
        run.add(stream.lines[..<90])
        let state = run.correlator.savedState
        var refusedCount = 0
        for _ in 0..<200 {
            do throws(CheckpointError) {
                try use(Self.damaged(state, &numbers), stream)
            } catch {
                refusedCount += 1
                #expect(!error.reason.isEmpty)
            }
        }
        #expect(refusedCount > 0)
    }

    /// Bytes changed, left out, put in twice; numbers and times at the ends of their ranges.
    private static func damaged(_ state: [UInt8], _ numbers: inout SeededNumbers) -> [UInt8] {
        var state = state
        let place = Int.random(in: 0..<state.count, using: &numbers)
        let piece = state[place...].prefix(Int.random(in: 1...40, using: &numbers))
        switch Int.random(in: 0..<6, using: &numbers) {
        case 0: return state.mutated(&numbers)
        case 1: state.insert(contentsOf: piece, at: place)
        case 2: state.removeSubrange(piece.indices)
        case 3:
            let time = [Int64.min, .max, .max - 1, 0][place % 4]
            let bytes = withUnsafeBytes(of: time.littleEndian) { Array($0) }
            let end = min(state.count, place + 8)
            state.replaceSubrange(place..<end, with: bytes[..<(end - place)])
        case 4:
            state.replaceSubrange(
                place...place, with: [0xff, 0xff, 0xff, 0xff, UInt8(place % 128)])
        default:
            state[place] = state[place] &+ 1
        }
        return state
    }
}
