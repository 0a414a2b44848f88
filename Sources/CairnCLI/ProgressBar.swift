import Cairn

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// One line on a terminal that says how far a run has come. Silent where standard error is no terminal.
struct ProgressBar {
    private let isShown = isatty(STDERR_FILENO) == 1
    private let start = Self.now()
    private var lastDrawn = 0.0
    private var isDrawn = false

    /// Seconds between two drawings.
    private static let interval = 0.2

    /// Draws the line if it is time.
    mutating func update(_ progress: RunProgress) {
        guard isShown else { return }
        let now = Self.now()
        guard now - lastDrawn >= Self.interval else { return }
        lastDrawn = now
        isDrawn = true
        let seconds = max(now - start, 0.001)
        var parts: [String] = []
        if let total = progress.totalByteCount, total > 0 {
            let fraction = min(1, Double(progress.byteCount) / Double(total))
            parts.append(bar(fraction))
            if fraction > 0 { parts.append("\(Int(seconds / fraction - seconds)) s left") }
        } else {
            parts.append(byteText(progress.byteCount))
        }
        parts.append("\(Int(Double(progress.packetCount) / seconds)) packets/s")
        parts.append("\(progress.alertCount) alerts")
        parts.append("\(progress.incidentCount) incidents")
        writeError("\r\u{1b}[K" + parts.joined(separator: "  "))
    }

    /// Removes the line.
    mutating func clear() {
        if isDrawn { writeError("\r\u{1b}[K") }
        isDrawn = false
    }

    private func bar(_ fraction: Double) -> String {
        let filled = Int(fraction * 30)
        let percent = Int(fraction * 100)
        return String(repeating: "█", count: filled) + String(repeating: "░", count: 30 - filled)
            + " \(percent) %"
    }

    /// Seconds on a clock that never goes back.
    static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// `12.3 MB`.
func byteText(_ count: UInt64) -> String {
    for (unit, size) in [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)] where Double(count) >= size {
        return "\((Double(count) / size * 10).rounded() / 10) \(unit)"
    }
    return "\(count) bytes"
}
