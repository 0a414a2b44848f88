import Cairn

/// Prints what a run saw, and everything that it did not look at and why.
struct RunSummary {
    let report: RunReport
    let rules: RuleSet
    let seconds: Double

    /// Writes the summary to standard error.
    func print() {
        let progress = report.progress
        let counters = report.counters
        let speed = seconds > 0 ? Double(counters["capture.bytes"]) * 8 / seconds / 1e6 : 0
        printError(
            "\(progress.packetCount) packets, \(byteText(counters["capture.bytes"])), "
                + "\(counters["flow.total"]) flows, \(progress.alertCount) alerts, "
                + "\(progress.incidentCount) incidents in \((seconds * 1000).rounded() / 1000) s "
                + "(\(Int(speed)) Mbit/s)")
        for note in report.notes { printError("note: \(note)") }
        for problem in report.problems {
            printError("\(problem.isEndOfReadable ? "ended early" : "not read"): \(problem)")
        }
        let gaps = (report.oversights + ruleGaps).filter { $0.count > 0 }
            .map { "  \($0.count) \($0.what)" }
        if !gaps.isEmpty { printError("not looked at:\n" + gaps.joined(separator: "\n")) }
        if let failure = report.failure { printError("ended early: \(failure)") }
    }

    private var ruleGaps: [(count: UInt64, what: String)] {
        [
            (
                UInt64(rules.skipped.count),
                "rules that cannot apply to packets (cairn check lists them)"
            ),
            (UInt64(rules.failedRuleCount), "rules with mistakes (cairn check lists them)"),
            (
                UInt64(rules.failedLimitCount),
                "lines of threshold.config with mistakes (cairn check lists them)"
            ),
        ]
    }
}
