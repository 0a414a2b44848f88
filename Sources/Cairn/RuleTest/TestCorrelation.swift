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
        var settings = CorrelationSettings(settings)
        settings.writesFinalRecordsOnly = true
        self.settings = settings
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
        correlator.keepMisses()
        var parser = AlertLineParser(
            fieldNames: program.fieldNames, catalog: correlator.catalog)
        var misses = NearMisses(program: program)
        func observe(_ core: inout CorrelatorCore, _ instant: Timestamp) {
            core.forEachStanding(at: instant) { misses.take($0) }
        }
        let order = lines.indices.sorted { (lines[$0].time, $0) < (lines[$1].time, $1) }
        for index in order {
            lines[index].bytes.withUnsafeBytes { line in
                if parser.parse(line) == .alert { correlator.add(parser.alert, observe: observe) }
            }
        }
        if let clock { correlator.advance(clock: clock, observe: observe) }
        correlator.finish(observe: observe) { core, clock in
            core.forEachOpenStanding(at: clock) { misses.take($0) }
        }
        return Outcome(records: records.bytes, misses: misses)
    }
}

/// Lines that a correlator wrote.
private final class RecordLines {
    var bytes: [UInt8] = []
}
