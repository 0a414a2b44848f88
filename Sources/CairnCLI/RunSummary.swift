import Cairn

/// Prints what a run saw, and everything that it did not look at and why.
struct RunSummary {
    let report: RunReport
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
        for problem in report.problems { printError("not read: \(problem)") }
        let gaps = Self.overlooked.compactMap { name, text in
            counters[name] > 0 ? "  \(counters[name]) \(text)" : nil
        }
        if !gaps.isEmpty { printError("not looked at:\n" + gaps.joined(separator: "\n")) }
        if let failure = report.failure { printError("ended early: \(failure)") }
    }

    /// Counters that speak of what was not looked at, with what they mean.
    private static let overlooked: [(name: String, text: String)] = [
        ("capture.truncated", "packets cut by the snap length"),
        ("capture.kernel_drops", "packets dropped by the kernel"),
        ("capture.filtered", "packets left out by the filter"),
        ("decoder.unsupported_linktype", "frames of link types that are not decoded"),
        ("decoder.invalid", "packets with headers that could not be decoded"),
        ("decoder.bad_checksum", "packets with wrong checksums"),
        ("time.jump", "stamps too far ahead to be believed"),
        ("defrag.memcap_evicted", "fragmented datagrams dropped at the memory limit"),
        ("flow.memcap_evicted", "flows ended early at the memory limit"),
        ("tcp.midstream_ignored", "TCP packets of connections whose beginning was not captured"),
        ("tcp.reassembly_gap", "gaps in TCP streams"),
        ("tcp.stream_depth_reached", "TCP streams longer than the depth that is looked at"),
        ("tcp.segment_memcap_drop", "TCP segments dropped at the memory limit"),
        ("match.regex_limit", "regular expressions given up at their limit"),
        ("rules.skipped", "rules that cannot apply to packets (cairn check lists them)"),
        ("rules.failed", "rules with mistakes (cairn check lists them)"),
        ("correlation.late", "alerts too late for correlation"),
    ]
}
