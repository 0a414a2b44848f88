/// What is kept of a stream while it is open (RFC 9113 §5).
final class HTTP2Stream {
    private(set) var id: UInt32 = 0
    private(set) var transaction: Transaction?
    let request = Side(.toServer)
    let response = Side(.toClient)

    /// One direction of it.
    final class Side {
        let body: HTTPBody
        /// The head that counts is stored; what follows are trailers.
        var hasHead = false
        var hasBody = false
        /// Nothing more of the message comes.
        var hasEnded = false
        /// Where the value of Content-Encoding lies in the store, and that of Content-Disposition.
        var codings: Range<Int>?
        var disposition: Range<Int>?
        /// Types of frames that are noted, a bit each; the last is that of all types nobody knows.
        var frameTypes: UInt16 = 0
        /// Numbers of frames that are noted.
        var numberCount = 0

        init(_ direction: Direction) { body = HTTPBody(direction) }

        func reset() {
            body.reset()
            hasHead = false
            hasBody = false
            hasEnded = false
            codings = nil
            disposition = nil
            frameTypes = 0
            numberCount = 0
        }
    }

    /// Oddities that are told already, a bit each.
    var anomaliesSeen: UInt64 = 0

    func begin(_ id: UInt32, _ transaction: Transaction) {
        self.id = id
        self.transaction = transaction
        anomaliesSeen = 0
        request.reset()
        response.reset()
    }

    /// Lets the transaction go, which is the engine's.
    func end() { transaction = nil }

    func side(_ direction: Direction) -> Side { direction == .toServer ? request : response }
}

/// What of one direction of a connection was read.
final class HTTP2Reader {
    enum State {
        /// Before or in the client's connection preface.
        case preface
        case frameHeader
        case payload
        /// In a DATA frame, behind its padding's length.
        case data
        /// In bytes of a frame that say nothing.
        case rest
        /// What comes is not HTTP/2, or cannot be read.
        case stopped
    }

    let direction: Direction
    var state: State
    /// A frame's header or payload, as far as it has come and is kept.
    let partial = HTTPBuffer()
    var prefaceByteCount = 0
    var frame = HTTP2Frame()
    /// Bytes of the payload still to come, and of them the padding at its end.
    var remaining = 0
    var paddingByteCount = 0
    /// The stream that the data being read belong to.
    var stream: HTTP2Stream?

    /// A header block whose end has not come, and the frame that it began with; of a pushed request the stream.
    let block = HTTPBuffer()
    var blockFrame: HTTP2Frame?
    var isBlockCut = false
    let decoder = HPACKDecoder()

    /// The highest stream that its sender opened.
    var lastStreamID: UInt32 = 0
    /// The direction has ended.
    var hasEnded = false

    init(_ direction: Direction) {
        self.direction = direction
        state = direction == .toServer ? .preface : .frameHeader
    }

    func reset() {
        state = direction == .toServer ? .preface : .frameHeader
        partial.removeAll()
        prefaceByteCount = 0
        remaining = 0
        paddingByteCount = 0
        stream = nil
        block.removeAll()
        blockFrame = nil
        isBlockCut = false
        decoder.reset()
        lastStreamID = 0
        hasEnded = false
    }
}
