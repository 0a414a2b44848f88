extension ProtocolSessions {
    /// What is known of one flow's protocol.
    struct Session {
        enum State: UInt8 { case detecting, parsing, failed }

        var state: State = .detecting
        var failure = Failure.untold
        var opacity = Opacity.clear
        /// What was odd about what the flow speaks, and was not asked for yet.
        var anomalies = ProtocolAnomalySet()
        /// Index of the definition that was announced to follow, -1 if none was.
        var expected: Int16 = -1
        /// It is known with some direction's bytes what the flow speaks, or that nobody knows it.
        var hasNews = false
        var isDatagrams = false
        var isReversed = false
        var handoverCount: UInt8 = 0
        /// Index of the definition, -1 while unknown.
        var definition: Int16 = -1
        /// Index of a definition that what follows a handover is spoken inside of, -1 if there is none.
        var outer: Int16 = -1
        /// Index of the definition before the first handover, -1 if there was none.
        var original: Int16 = -1
        /// Sets of definitions: those over the flow's transport, and of them those at one of its
        /// ports.
        var candidates: UInt64 = 0
        var atPort: UInt64 = 0
        /// Something came, or got lost, since the protocol is looked for.
        var hasSpoken = false
        var toServer = Side()
        var toClient = Side()
        var parser: ProtocolParser?
        var serverName: [UInt8] = []
        /// The flow itself, as long as the session is its.
        var flow: UnsafeMutablePointer<Flow>?
        /// What another flow said about this one.
        var announcement: FTP.Announcement?
        /// Who sent what is kept while the protocol is not known, oldest first.
        var turns: [Turn] = []

        /// Index of the definition that gives the flow its name, -1 while unknown.
        @inline(__always) var named: Int16 { outer >= 0 ? outer : definition }

        mutating func forget() {
            if !serverName.isEmpty { serverName.removeAll(keepingCapacity: true) }
            if !turns.isEmpty { turns.removeAll(keepingCapacity: true) }
            let kept = (serverName, turns)
            self = Session()
            (serverName, turns) = kept
        }

        subscript(direction: Direction) -> Side {
            @inline(__always) get { direction == .toServer ? toServer : toClient }
            @inline(__always) set {
                if direction == .toServer {
                    toServer = newValue
                } else {
                    toClient = newValue
                }
            }
        }
    }

    /// Whether rules on packets know that nobody knows what the flow speaks.
    enum Failure: UInt8 {
        /// Not yet: too little has come to tell, or it has not failed.
        case untold
        /// Decided with the packet that is being looked at, or with the one before.
        case ofThisPacket, ofLastPacket
        case told
    }

    /// What one direction is by itself: unlike the flow, it may be nothing that anybody knows.
    enum Own: Equatable {
        case unknown, nothingKnown
        /// The definition at a place.
        case known(Int16)
    }

    /// What is kept of one direction while the protocol is not known.
    struct Side {
        /// Packets for which it is news what the flow speaks, or that nobody knows it; nil while that is not known with
        /// this direction's bytes.
        var newsCount: UInt8?
        /// It is known whether the direction agrees with what the flow speaks.
        var isSettled = false
        /// What the direction by itself is.
        var own = Own.unknown
        /// Definitions that this direction cannot be.
        var ruledOut: UInt64 = 0
        /// Index of the buffer with the first bytes, -1 if there is none.
        var buffer: Int32 = -1
        var bufferedByteCount: Int32 = 0
        /// Bytes behind those in the buffer that were not kept.
        var lostByteCount: UInt64 = 0
        /// This direction decides nothing any more.
        var isExhausted = false
        var hasEnded = false

        /// Bytes that came while the protocol was not known.
        var byteCount: UInt64 { UInt64(max(0, bufferedByteCount)) &+ lostByteCount }
    }

    /// What one direction sent before the other did.
    struct Turn {
        var direction: Direction
        /// Bytes in the direction's buffer, and bytes behind them that were not kept.
        var keptByteCount = 0
        var lostByteCount: UInt64 = 0
    }
}
