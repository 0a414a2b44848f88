/// The correlation of one test, on the alerts that rules made of its traffic and those that it
/// gives.
struct TestCorrelation {
    let program: CorrelationProgram
    private let settings: CorrelationSettings
    private let rules: RuleSet

    /// - Parameter rules: the rules under test.
    init(rules: RuleSet, settings: Settings) {
        self.rules = rules
        program = CorrelationProgram(rules)
        self.settings = CorrelationSettings(settings, finalRecordsOnly: true)
    }

    /// What came of alerts.
    struct Outcome {
        /// Firings, incidents and the summary, as lines.
        var records: [UInt8] = []
        /// How near firings came that did not come.
        var misses: NearMisses
    }

    /// Correlates alerts in the order of their times.
    ///
    /// - Parameter clock: up to where time passes behind the last one.
    func run(_ lines: [AlertLine], clock: Timestamp?) -> Outcome {
        let records = RecordLines()
        let correlator = Correlator(program: program, settings: settings) { lines in
            records.bytes += copy lines
        }
        var misses = NearMisses(program: program)
        correlator.observe(
            CorrelationObserver(
                afterInstant: { core, instant in
                    core.forEachStanding(at: instant) { misses.take($0) }
                },
                atEnd: { core, clock in
                    core.forEachOpenStanding(at: clock) { misses.take($0) }
                }))
        var parser = AlertLineParser(
            fieldNames: program.fieldNames, catalog: correlator.catalog)
        let order = lines.indices.sorted { (lines[$0].time, $0) < (lines[$1].time, $1) }
        for index in order {
            lines[index].bytes.withUnsafeBytes { line in
                guard parser.parse(line) == .alert else { return }
                parser.takeValues(of: line)
                correlator.add(parser.alert)
            }
        }
        if let clock { correlator.advance(clock: clock) }
        correlator.finish()
        return Outcome(records: records.bytes, misses: misses)
    }
}

/// Lines that a correlator wrote.
private final class RecordLines {
    var bytes: [UInt8] = []
}
