/// What reading alert files gave.
struct CorrelateOutcome {
    var counts: Correlator.Counts
    /// Lines that were records of other kinds, and lines that were broken, with the places of the
    /// first ones.
    var otherLineCount: Int
    var brokenLineCount: Int
    var brokenLines: [SourceLocation]
    /// Files that could not be read to their ends.
    var failures: [AlertFileReader.Failure]
    var highestSeverity: Level?
}

/// Runs the correlation stage alone over alert files, one after the other, as one stream (`cairn
/// correlate`).
///
/// - Parameters:
///   - files: paths; `-` is standard input.
///   - output: takes blocks of whole lines.
func correlate(
    files: [String], program: CorrelationProgram, settings: CorrelationSettings,
    output: @escaping (borrowing [UInt8]) -> Void
) -> CorrelateOutcome {
    let correlator = Correlator(program: program, settings: settings, sink: output)
    let reader = AlertFileReader(correlator: correlator)
    var failures: [AlertFileReader.Failure] = []
    for file in files {
        do throws(AlertFileReader.Failure) {
            try reader.read(path: file)
        } catch { failures.append(error) }
    }
    correlator.finish()
    return CorrelateOutcome(
        counts: correlator.counts, otherLineCount: reader.otherCount,
        brokenLineCount: reader.brokenCount, brokenLines: reader.brokenLines, failures: failures,
        highestSeverity: correlator.highestSeverity)
}
