/// The moments at which groups of one rule want to be looked at: at most one for each group, the
/// earliest first.
///
/// A binary heap that tells each group where its timer is, so that it can be moved or taken away.
struct TimerHeap: ~Copyable {
    struct Timer {
        var due: Timestamp
        var group: GroupID
    }

    private var timers = PlainList<Timer>()

    /// When the first one is due; nil without timers.
    var next: Timestamp? { timers.isEmpty ? nil : timers[0].due }

    /// The first one.
    var first: Timer? { timers.isEmpty ? nil : timers[0] }

    /// Sets or moves the timer of a group.
    mutating func set(_ group: GroupID, at due: Timestamp, in groups: borrowing GroupTable) {
        let known = Int(groups[group].pointee.timer)
        if known >= 0 {
            let isLater = due > timers[known].due
            timers[known].due = due
            if isLater { sink(known, in: groups) } else { rise(known, in: groups) }
        } else {
            timers.append(Timer(due: due, group: group))
            rise(timers.count - 1, in: groups)
        }
    }

    /// Takes away the timer of a group, if it has one.
    mutating func remove(_ group: GroupID, in groups: borrowing GroupTable) {
        let place = Int(groups[group].pointee.timer)
        guard place >= 0 else { return }
        groups[group].pointee.timer = -1
        let last = timers.removeLast()
        guard place < timers.count else { return }
        timers[place] = last
        sink(place, in: groups)
        rise(place, in: groups)
    }

    private mutating func rise(_ start: Int, in groups: borrowing GroupTable) {
        var place = start
        let timer = timers[place]
        while place > 0 {
            let above = (place - 1) / 2
            guard timer.due < timers[above].due else { break }
            put(timers[above], at: place, in: groups)
            place = above
        }
        put(timer, at: place, in: groups)
    }

    private mutating func sink(_ start: Int, in groups: borrowing GroupTable) {
        var place = start
        let timer = timers[place]
        while true {
            var below = 2 * place + 1
            guard below < timers.count else { break }
            if below + 1 < timers.count, timers[below + 1].due < timers[below].due { below += 1 }
            guard timers[below].due < timer.due else { break }
            put(timers[below], at: place, in: groups)
            place = below
        }
        put(timer, at: place, in: groups)
    }

    private mutating func put(_ timer: Timer, at place: Int, in groups: borrowing GroupTable) {
        timers[place] = timer
        groups[timer.group].pointee.timer = Int32(truncatingIfNeeded: place)
    }
}

// MARK: - Checkpoint

extension TimerHeap {
    /// When a group wants to be looked at; nil if it does not.
    func due(_ group: GroupID, in groups: borrowing GroupTable) -> Timestamp? {
        let place = Int(groups[group].pointee.timer)
        return place >= 0 ? timers[place].due : nil
    }
}
