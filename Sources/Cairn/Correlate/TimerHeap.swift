/// The moments at which groups of one rule want to be looked at: at most one for each group, the
/// earliest first.
///
/// A binary heap that knows where the timer of each group is, so that it can be moved or taken away.
struct TimerHeap: ~Copyable {
    private static let noPlace: Int32 = -1

    struct Timer {
        var due: Timestamp
        var group: GroupID
    }

    private var timers = PlainList<Timer>()
    /// By group, up to the last one that had a timer: apart from the groups, as most timers that move
    /// are of groups that are not in the cache.
    private var places = PlainList<Int32>()

    /// When the first one is due; nil without timers.
    var next: Timestamp? { timers.isEmpty ? nil : timers[0].due }

    /// The first one.
    var first: Timer? { timers.isEmpty ? nil : timers[0] }

    /// Sets or moves the timer of a group.
    mutating func set(_ group: GroupID, at due: Timestamp) {
        if let known = place(of: group) {
            let isLater = due > timers[known].due
            timers[known].due = due
            if isLater { sink(known) } else { rise(known) }
        } else {
            while places.count <= Int(group) { places.append(Self.noPlace) }
            timers.append(Timer(due: due, group: group))
            rise(timers.count - 1)
        }
    }

    /// Takes away the timer of a group, if it has one.
    @inline(__always) mutating func remove(_ group: GroupID) {
        if let place = place(of: group) { remove(group, at: place) }
    }

    private mutating func remove(_ group: GroupID, at place: Int) {
        places[Int(group)] = Self.noPlace
        let last = timers.removeLast()
        guard place < timers.count else { return }
        timers[place] = last
        sink(place)
        rise(place)
    }

    @inline(__always) private func place(of group: GroupID) -> Int? {
        guard Int(group) < places.count else { return nil }
        let place = places[Int(group)]
        return place == Self.noPlace ? nil : Int(place)
    }

    private mutating func rise(_ start: Int) {
        var place = start
        let timer = timers[place]
        while place > 0 {
            let above = (place - 1) / 2
            guard timer.due < timers[above].due else { break }
            put(timers[above], at: place)
            place = above
        }
        put(timer, at: place)
    }

    private mutating func sink(_ start: Int) {
        var place = start
        let timer = timers[place]
        while true {
            var below = 2 * place + 1
            guard below < timers.count else { break }
            if below + 1 < timers.count, timers[below + 1].due < timers[below].due { below += 1 }
            guard timers[below].due < timer.due else { break }
            put(timers[below], at: place)
            place = below
        }
        put(timer, at: place)
    }

    @inline(__always) private mutating func put(_ timer: Timer, at place: Int) {
        timers[place] = timer
        places[Int(timer.group)] = Int32(truncatingIfNeeded: place)
    }
}

// MARK: - Checkpoint

extension TimerHeap {
    /// When a group wants to be looked at; nil if it does not.
    func due(_ group: GroupID) -> Timestamp? { place(of: group).map { timers[$0].due } }
}
