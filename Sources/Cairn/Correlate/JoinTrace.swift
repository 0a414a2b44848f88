/// Why the signals of one incident are in it, noted while it is correlated (CORRELATION.md §9): what
/// `cairn explain` tells.
///
/// Signals of one rule that joined for one reason are one entry. Holds at most `joinCountMax`
/// entries; signals beyond are counted.
struct JoinTrace {
    enum Reason: Hashable {
        /// No open incident could take it, so that it opened this one with its first key.
        case opened(key: [UInt8])
        /// The incident owned one of its keys.
        case owned(key: [UInt8])
        /// Its actor was hit as a victim in the incident, last at this time.
        case pivot(actor: [UInt8], hit: Timestamp)
    }

    struct Join {
        var reason: Reason
        /// The rule's identity, title and level.
        var rule: [UInt8]
        var title: [UInt8]?
        var level: Level
        var actors: [[UInt8]]
        var victims: [[UInt8]]
        /// Of a firing.
        var firing: RecordID?
        var first: Timestamp
        var last: Timestamp
        var count = 1
    }

    /// Another incident that could have taken a signal.
    struct Relative: Equatable {
        var id: RecordID
        var reason: Reason
        var time: Timestamp
    }

    private static let joinCountMax = 1_000
    private static let relativeCountMax = 100

    let incident: RecordID
    private(set) var joins: [Join] = []
    private(set) var relatives: [Relative] = []
    /// Signals that found no place in `joins`.
    private(set) var moreCount = 0

    /// Why the signal in hand joins where it does, and who else could take it.
    fileprivate var reason: Reason?
    fileprivate var others: [(id: RecordID, reason: Reason)] = []

    init(incident: RecordID) { self.incident = incident }

    fileprivate mutating func add(_ join: Join) {
        let known = joins.lastIndex {
            $0.rule == join.rule && $0.level == join.level && $0.actors == join.actors
                && $0.victims == join.victims && $0.reason.isLike(join.reason)
        }
        if let known {
            joins[known].count += 1
            joins[known].last = join.last
        } else if joins.count < Self.joinCountMax {
            joins.append(join)
        } else {
            moreCount += 1
        }
        for other in others where relatives.count < Self.relativeCountMax {
            guard !relatives.contains(where: { $0.id == other.id }) else { continue }
            relatives.append(Relative(id: other.id, reason: other.reason, time: join.first))
        }
    }
}

extension JoinTrace.Reason {
    /// Whether both say the same, if not of the same time. What opened an incident and what then
    /// joins by its key are two things.
    fileprivate func isLike(_ other: Self) -> Bool {
        switch (self, other) {
        case (.owned(let one), .owned(let two)): one == two
        case (.pivot(let one, _), .pivot(let two, _)): one == two
        default: false
        }
    }
}

extension IncidentTable {
    /// Notes why the signal in hand goes to the first candidate, before that one owns its keys.
    mutating func noteReason(_ keys: [IncidentKey], _ candidates: [Int32]) {
        let reason = reason(keys, candidates.first)
        let others = candidates.dropFirst().map { other in
            (id: self[other].pointee.id, reason: self.reason(keys, other))
        }
        trace?.reason = reason
        trace?.others = others
    }

    private mutating func reason(_ keys: [IncidentKey], _ candidate: Int32?) -> JoinTrace.Reason {
        guard let candidate else { return .opened(key: text(of: keys[0])) }
        if let key = keys.first(where: { owner(of: $0) == candidate }) {
            return .owned(key: text(of: key))
        }
        var latest: (host: HostID, time: Timestamp)?
        for case .actor(let host) in keys {
            hosts.forEachHit(on: host) { hit in
                if hit.incident == candidate, latest.map({ $0.time < hit.time }) ?? true {
                    latest = (host, hit.time)
                }
            }
        }
        guard let latest else { return .owned(key: text(of: keys[0])) }
        return .pivot(actor: hosts.text(latest.host), hit: latest.time)
    }

    /// Notes that the signal in hand joined an incident, if it is the one that is traced.
    mutating func noteJoin(
        _ signal: ItemID, to slot: Int32, _ context: borrowing CorrelationContext
    ) {
        guard self[slot].pointee.id == trace?.incident, let reason = trace?.reason else { return }
        let header = context.items.header(signal).pointee
        let facts = context.catalog[header.label]
        let join = JoinTrace.Join(
            reason: reason, rule: context.catalog.text(ofIdentity: facts.identity),
            title: context.catalog.label(header.label).title, level: facts.level,
            actors: texts(actors), victims: texts(victims),
            firing: context.items.detail(signal)?.id, first: header.time, last: header.time)
        trace?.add(join)
    }

    private func texts(_ list: borrowing PlainList<HostID>) -> [[UInt8]] {
        var texts: [[UInt8]] = []
        for index in 0..<list.count { texts.append(hosts.text(list[index])) }
        return texts
    }
}
