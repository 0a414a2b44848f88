/// When the flows of a table expire, in exact order and nearly without work for a packet.
///
/// Flows of the same time-out are in one list, in the order in which they were filed. A flow is
/// filed anew when a packet comes a `filingPeriod` or more after it was filed, so its deadline is
/// at most that much later than its place in the list says. Flows whose place has come wait in a
/// heap for their true deadline; so the heap holds few, and the order is that of (deadline, id).
final class FlowTimeouts {
    /// One list for each transport group and state.
    private static let classCount = 12
    private static let filingPeriod = nanosecondsPerSecond

    private let lists: UnsafeMutablePointer<List>
    /// No flow's deadline is earlier.
    private(set) var earliestDeadline = Timestamp.distantFuture
    private var due = FlowHeap()

    /// Flows of one time-out.
    private struct List {
        let timeout: Int64
        var oldest: FlowPointer?
        var newest: FlowPointer?

        init(seconds: Int) {
            let (nanoseconds, overflow) = Int64(max(0, seconds))
                .multipliedReportingOverflow(by: nanosecondsPerSecond)
            timeout = overflow ? .max : nanoseconds
        }

        /// The deadline of the oldest flow is not earlier.
        var earliestDeadline: Timestamp {
            oldest.map { $0.pointee.filedClock.adding(nanoseconds: timeout) } ?? .distantFuture
        }
    }

    init(_ settings: FlowSettings) {
        lists = .allocate(capacity: Self.classCount)
        for (group, timeouts) in [
            settings.tcpTimeouts, settings.udpTimeouts, settings.icmpTimeouts,
            settings.otherTimeouts,
        ].enumerated() {
            (lists + group * 3).initialize(to: List(seconds: timeouts.new))
            (lists + group * 3 + 1).initialize(to: List(seconds: timeouts.established))
            (lists + group * 3 + 2).initialize(to: List(seconds: timeouts.closed))
        }
    }

    deinit { lists.deallocate() }

    /// Files a new flow.
    func add(_ flow: FlowPointer) {
        append(flow, Self.timeoutClass(of: flow))
    }

    /// To be called when a flow's clock or state has changed.
    @inline(__always) func update(_ flow: FlowPointer) {
        let timeoutClass = Self.timeoutClass(of: flow)
        let age = flow.pointee.lastClock.nanoseconds &- flow.pointee.filedClock.nanoseconds
        guard
            timeoutClass != flow.pointee.timeoutClass || age >= Self.filingPeriod
                || flow.pointee.isDue
        else { return }
        remove(flow)
        append(flow, timeoutClass)
    }

    /// Forgets a flow.
    func remove(_ flow: FlowPointer) {
        if flow.pointee.isDue {
            // Its place in the heap is known to be stale by this.
            flow.pointee.isDue = false
            return
        }
        let list = lists + Int(flow.pointee.timeoutClass)
        let (older, newer) = (flow.pointee.older, flow.pointee.newer)
        if let older { older.pointee.newer = newer } else { list.pointee.oldest = newer }
        if let newer { newer.pointee.older = older } else { list.pointee.newest = older }
    }

    /// Forgets the flow with the earliest deadline before `clock`, the smallest id among equals,
    /// and returns it.
    func removeExpired(before clock: Timestamp) -> FlowPointer? {
        for index in 0..<Self.classCount {
            while let flow = lists[index].oldest, lists[index].earliestDeadline < clock {
                remove(flow)
                if let next = lists[index].oldest?.pointee.newer { prefetch(next) }
                flow.pointee.isDue = true
                due.insert(
                    FlowHeap.Entry(
                        deadline: deadline(of: flow), id: flow.pointee.id, flow: flow))
            }
        }
        var expired: FlowPointer?
        while expired == nil, let first = due.first, first.deadline < clock {
            due.removeFirst()
            if isCurrent(first) { expired = first.flow }
        }
        expired?.pointee.isDue = false
        earliestDeadline = due.first?.deadline ?? .distantFuture
        for index in 0..<Self.classCount {
            earliestDeadline = min(earliestDeadline, lists[index].earliestDeadline)
        }
        return expired
    }

    /// The flow that is closest to its end, to within a filing period.
    func earliest() -> FlowPointer? {
        while let first = due.first {
            if isCurrent(first) { return first.flow }
            due.removeFirst()
        }
        var earliest: FlowPointer?
        var earliestDeadline = Timestamp.distantFuture
        for index in 0..<Self.classCount {
            guard let flow = lists[index].oldest else { continue }
            let deadline = lists[index].earliestDeadline
            if earliest == nil || deadline < earliestDeadline {
                (earliest, earliestDeadline) = (flow, deadline)
            }
        }
        return earliest
    }

    func deadline(of flow: FlowPointer) -> Timestamp {
        flow.pointee.lastClock.adding(nanoseconds: lists[Int(flow.pointee.timeoutClass)].timeout)
    }

    /// Whether a heap entry still says when its flow ends. A slot may serve another flow since.
    private func isCurrent(_ entry: FlowHeap.Entry) -> Bool {
        entry.flow.pointee.isDue && entry.flow.pointee.id == entry.id
            && deadline(of: entry.flow) == entry.deadline
    }

    private func append(_ flow: FlowPointer, _ timeoutClass: UInt8) {
        let list = lists + Int(timeoutClass)
        flow.pointee.timeoutClass = timeoutClass
        flow.pointee.filedClock = flow.pointee.lastClock
        flow.pointee.newer = nil
        flow.pointee.older = list.pointee.newest
        if let newest = list.pointee.newest {
            newest.pointee.newer = flow
        } else {
            list.pointee.oldest = flow
        }
        list.pointee.newest = flow
        earliestDeadline = min(earliestDeadline, deadline(of: flow))
    }

    @inline(__always) private static func timeoutClass(of flow: FlowPointer) -> UInt8 {
        let group: UInt8 =
            switch flow.pointee.transport {
            case .tcp: 0
            case .udp: 3
            case .icmp, .icmpv6: 6
            default: 9
            }
        return group &+ flow.pointee.state.rawValue
    }
}

/// A binary heap of flows by (deadline, id), the smallest first.
struct FlowHeap {
    struct Entry {
        let deadline: Timestamp
        let id: UInt64
        let flow: FlowPointer

        static func < (a: Entry, b: Entry) -> Bool {
            a.deadline != b.deadline ? a.deadline < b.deadline : a.id < b.id
        }
    }

    private var entries: [Entry] = []

    var first: Entry? { entries.first }

    mutating func insert(_ entry: Entry) {
        var index = entries.count
        entries.append(entry)
        while index > 0 {
            let parent = (index - 1) / 2
            guard entry < entries[parent] else { break }
            entries[index] = entries[parent]
            index = parent
        }
        entries[index] = entry
    }

    mutating func removeFirst() {
        guard let last = entries.popLast(), !entries.isEmpty else { return }
        var index = 0
        while true {
            var child = index * 2 + 1
            guard child < entries.count else { break }
            if child + 1 < entries.count, entries[child + 1] < entries[child] { child += 1 }
            guard entries[child] < last else { break }
            entries[index] = entries[child]
            index = child
        }
        entries[index] = last
    }
}
