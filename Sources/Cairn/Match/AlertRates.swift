/// How often rules have held within a time, for whom: thresholds, detection filters and rate filters. A part of `AlertGate`,
/// with the behaviour of Suricata's.
///
/// Counts are kept of the newest `countMax` of each kind; sets of ports, which are larger, of fewer.
struct AlertRates {
    /// What is counted, and for whom.
    private struct Key: Hashable {
        var rule: Int
        var use: Use
        var first: IPAddress = .zero
        var second: IPAddress = .zero
        var flow: UInt64 = 0
    }

    private enum Use: Hashable { case threshold, filter, rateFilter }

    /// What was counted since when.
    private struct Rate {
        var start: Int64
        var count: Int64
        /// `backoff`: the next count with an alert. Rate filters: when the new action began, 0 if it has not.
        var mark: Int64 = 0
    }

    /// Ports that were seen since when.
    private final class Ports {
        var start: Int64
        private(set) var count: Int64 = 0
        private var bits = [UInt64](repeating: 0, count: 1024)

        init(start: Int64) { self.start = start }

        func restart(at time: Int64) {
            start = time
            count = 0
            for index in bits.indices { bits[index] = 0 }
        }

        func add(_ port: UInt16) {
            let bit: UInt64 = 1 << UInt64(port & 63)
            if bits[Int(port >> 6)] & bit == 0 { count &+= 1 }
            bits[Int(port >> 6)] |= bit
        }
    }

    private var rates: BoundedTable<Key, Rate>
    private var ports: BoundedTable<Key, Ports>

    init(countMax: Int) {
        rates = BoundedTable(countMax: countMax)
        ports = BoundedTable(countMax: countMax / 16)
    }

    var evictedCount: UInt64 { rates.evictedCount &+ ports.evictedCount }

    private static func key(_ track: Threshold.Track, _ use: Use, _ alert: Alert) -> Key {
        var key = Key(rule: alert.rule, use: use)
        switch track {
        case .by_src: key.first = alert.sourceAddress
        case .by_dst: key.first = alert.destinationAddress
        case .by_both:
            key.first = min(alert.sourceAddress, alert.destinationAddress)
            key.second = max(alert.sourceAddress, alert.destinationAddress)
        case .by_rule: break
        case .by_flow: key.flow = alert.flowID ?? 0
        }
        return key
    }

    static func nanoseconds(_ seconds: Int64) -> Int64 {
        let (product, overflow) = seconds.multipliedReportingOverflow(by: nanosecondsPerSecond)
        return overflow ? .max : product
    }

    private static func isOver(_ start: Int64, _ seconds: Int64, at time: Int64) -> Bool {
        let end = Timestamp(nanoseconds: start)
            .adding(nanoseconds: nanoseconds(seconds))
        return time > end.nanoseconds
    }

    /// Counts an event; what was counted in the present window, this one included.
    private mutating func count(_ seconds: Int64, _ key: Key, _ alert: Alert) -> Int64 {
        let now = alert.timestamp.nanoseconds
        var rate = rates[key] ?? Rate(start: now, count: 0)
        if Self.isOver(rate.start, seconds, at: now) { rate = Rate(start: now, count: 0) }
        rate.count &+= 1
        rates[key] = rate
        return rate.count
    }

    // MARK: Detection filters

    /// `detection_filter`: whether more than `count` events, or events with more than `count` different ports, have come
    /// within the window.
    mutating func exceeds(_ filter: Threshold, _ alert: Alert) -> Bool {
        let key = Self.key(filter.track, .filter, alert)
        guard let port = filter.uniquePort else {
            return count(filter.seconds, key, alert) > filter.count
        }
        let now = alert.timestamp.nanoseconds
        let seen = ports[key] ?? Ports(start: now)
        if Self.isOver(seen.start, filter.seconds, at: now) { seen.restart(at: now) }
        seen.add(port == .src_port ? alert.sourcePort : alert.destinationPort)
        ports[key] = seen
        return seen.count > filter.count
    }

    // MARK: Thresholds

    /// `limit`: the first `count` of a window. `threshold`: every `count`-th. `both`: once a window, at the `count`-th.
    /// `backoff`: the `count`-th, and from there on each that is `multiplier` times as far as the one before.
    mutating func passes(_ threshold: Threshold, _ alert: Alert) -> Bool {
        let key = Self.key(threshold.track, .threshold, alert)
        if threshold.kind == .backoff { return passesBackoff(threshold, key) }
        let count = count(threshold.seconds, key, alert)
        switch threshold.kind {
        case .limit: return count <= max(1, threshold.count)
        case .both: return count == threshold.count
        case .threshold, .backoff:
            guard count >= threshold.count else { return false }
            rates[key]?.count = 0
            return threshold.count > 0 || !beginsWindow(key)
        }
    }

    /// Whether it is asked for the first time in a window.
    private mutating func beginsWindow(_ key: Key) -> Bool {
        guard rates[key]?.mark == 0 else { return false }
        rates[key]?.mark = 1
        return true
    }

    private mutating func passesBackoff(_ threshold: Threshold, _ key: Key) -> Bool {
        var rate = rates[key] ?? Rate(start: 0, count: 0, mark: threshold.count)
        rate.count &+= 1
        let isNext = rate.count == rate.mark
        if isNext {
            let (next, isTooMany) = rate.mark.multipliedReportingOverflow(by: threshold.multiplier)
            // A multiplier of one lets every one pass.
            rate.mark = isTooMany ? .max : max(next, rate.count &+ 1)
        }
        rates[key] = rate
        return isNext
    }

    // MARK: Rate filters

    /// Whether a rule does something else for now: since `count` events have come within the window, for as long as the
    /// filter says.
    mutating func isReached(_ filter: RateFilter, _ alert: Alert) -> Bool {
        let key = Self.key(filter.track, .rateFilter, alert)
        let now = alert.timestamp.nanoseconds
        var rate = rates[key] ?? Rate(start: now, count: 0)
        defer { rates[key] = rate }
        if rate.mark > 0 {
            guard Self.isOver(rate.mark, filter.timeoutSeconds, at: now) else { return true }
            rate.mark = 0
        }
        if Self.isOver(rate.start, filter.seconds, at: now) { rate = Rate(start: now, count: 0) }
        rate.count &+= 1
        guard rate.count > filter.count else { return false }
        rate.mark = max(1, now)
        return true
    }
}
