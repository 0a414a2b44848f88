/// Settings of the correlation stage (CORRELATION.md, first paragraph, and §8).
public struct CorrelationSettings: Sendable {
    /// How far behind the clock an alert may come and still count.
    public var latenessNanoseconds: Int64 = 5 * nanosecondsPerSecond
    /// Silence after which an incident ends.
    public var incidentGapNanoseconds: Int64 = 3_600 * nanosecondsPerSecond
    /// How long an incident may last.
    public var incidentDurationMaxNanoseconds: Int64 = 86_400 * nanosecondsPerSecond
    /// Incidents open at once.
    public var openIncidentCountMax = 10_000
    /// Signals below this level make no incident.
    public var signalLevelMin = Level.low
    /// Hits below this level do not draw their victim into the incident.
    public var pivotLevelMin = Level.high
    /// Addresses that identify nobody: NAT, proxies, DNS servers, scanners.
    public var sharedHosts: [IPNetwork] = []
    /// Signals listed in an incident.
    public var signalsListedMax = 100
    /// Bytes that the groups of all rules may hold together.
    public var memoryByteCountMax = 1 << 30
    /// Bytes that alerts may hold while they wait for their instant to be complete; then the oldest
    /// instant is completed early.
    public var waitingByteCountMax = 1 << 28
    /// Bytes that open incidents may hold; then the ones with the earliest last signals are closed.
    public var incidentByteCountMax = 1 << 28
    /// Of the incident records, write the closing ones only.
    public var writesFinalRecordsOnly = false
    /// The capture that all alerts are from: every record then names it.
    public var capture: String?

    /// The defaults.
    public init() {}

    /// Sets a setting by its name in `cairn.yaml` or `--set` (`lateness`, `incident.gap`, …).
    ///
    /// - Returns: what is wrong with the name or the value; nil if all is well.
    public mutating func set(_ name: String, to values: [String]) -> String? {
        if name == "incident.shared" {
            let networks = values.map(IPNetwork.init)
            if let bad = networks.firstIndex(of: nil) {
                return "'\(values[bad])' is neither an address nor a network"
            }
            sharedHosts = networks.compactMap(\.self)
            return nil
        }
        guard values.count == 1 else { return "\(name) takes one value" }
        return set(name, to: values[0])
    }

    private mutating func set(_ name: String, to value: String) -> String? {
        switch name {
        case "lateness": setSpan(\.latenessNanoseconds, value, isZeroAllowed: true)
        case "incident.gap": setSpan(\.incidentGapNanoseconds, value, isZeroAllowed: true)
        case "incident.max-duration": setSpan(\.incidentDurationMaxNanoseconds, value)
        case "incident.max-open": setCount(\.openIncidentCountMax, value)
        case "incident.evidence": setCount(\.signalsListedMax, value)
        case "incident.min-level": setLevel(\.signalLevelMin, value)
        case "incident.pivot-level": setLevel(\.pivotLevelMin, value)
        case "correlation.memcap": setByteCount(\.memoryByteCountMax, value)
        default: "unknown setting \(name)"
        }
    }

    private mutating func setSpan(
        _ path: WritableKeyPath<Self, Int64>, _ value: String, isZeroAllowed: Bool = false
    ) -> String? {
        guard let span = nanoseconds(ofTimeSpan: value), span > 0 || isZeroAllowed else {
            return "'\(value)' is no time span like 30s, 5m, 1h or 1d"
        }
        self[keyPath: path] = span
        return nil
    }

    private mutating func setCount(_ path: WritableKeyPath<Self, Int>, _ value: String) -> String? {
        guard let count = Int(value), count > 0 else { return "'\(value)' is no positive number" }
        self[keyPath: path] = count
        return nil
    }

    private mutating func setLevel(_ path: WritableKeyPath<Self, Level>, _ value: String) -> String?
    {
        guard let level = Level(name: value) else {
            let names = Level.allCases.map(\.name).joined(separator: ", ")
            return "'\(value)' is no level (\(names))"
        }
        self[keyPath: path] = level
        return nil
    }

    private mutating func setByteCount(
        _ path: WritableKeyPath<Self, Int>, _ value: String
    ) -> String? {
        let units: [(String, Int)] = [
            ("gb", 1 << 30), ("mb", 1 << 20), ("kb", 1 << 10), ("b", 1), ("", 1),
        ]
        let text = value.lowercased()
        for (suffix, factor) in units where text.hasSuffix(suffix) {
            let digits = text.dropLast(suffix.count).filter { $0 != " " }
            let (count, overflow) = (Int(digits) ?? 0).multipliedReportingOverflow(by: factor)
            guard count > 0, !overflow else { break }
            self[keyPath: path] = count
            return nil
        }
        return "'\(value)' is no number of bytes like 64mb or 1gb"
    }
}

/// Nanoseconds of a time span: a number and one of `s m h d w M y` (CORRELATION.md §3); nil for
/// other text and for spans longer than 290 years.
func nanoseconds(ofTimeSpan text: String) -> Int64? {
    if text == "0" { return 0 }
    let seconds: [Character: Int64] = [
        "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "M": 2_629_746, "y": 31_556_952,
    ]
    guard let unit = text.last.flatMap({ seconds[$0] }),
        text.utf8.dropLast().allSatisfy({ $0 &- 48 < 10 }), let number = Int64(text.dropLast())
    else { return nil }
    let (perUnit, _) = unit.multipliedReportingOverflow(by: nanosecondsPerSecond)
    let (span, overflow) = number.multipliedReportingOverflow(by: perUnit)
    return overflow ? nil : span
}
