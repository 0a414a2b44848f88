/// Turns one flow's ordered bytes into transactions. One instance a flow, taken from a pool; a
/// subclass per protocol.
///
/// Bytes come in order, each once, cut anywhere: a parser keeps what it needs of an unfinished
/// element, within its own limits, and must give the same transactions however the bytes are cut.
class ProtocolParser {
    /// The port that the flow goes to; set by the session when it takes the parser.
    final var serverPort: UInt16 = 0
    /// Set by a parser after which another protocol speaks (HTTP's CONNECT, STARTTLS): the session
    /// then looks for that one, beginning with the last `leftoverByteCount` bytes handed to
    /// `parse`.
    final var handsOver = false
    /// Bytes at the end of the last `parse` that belong to the next protocol; counts only if
    /// `handsOver` is set.
    final var leftoverByteCount = 0

    /// Takes the next bytes of one direction.
    func parse(_ bytes: RawSpan, _ direction: Direction, into output: ParserOutput) {}

    /// Takes one UDP datagram. Protocols whose messages stand alone in one, or look different
    /// there, override it.
    func parseDatagram(_ bytes: RawSpan, _ direction: Direction, into output: ParserOutput) {
        parse(bytes, direction, into: output)
    }

    /// Bytes of one direction are missing and will not come.
    func skip(gap byteCount: UInt64, _ direction: Direction, into output: ParserOutput) {}

    /// One direction ended: what is unfinished in it is complete as it stands. When both have
    /// ended, no transaction may stay open.
    func finish(_ direction: Direction, into output: ParserOutput) {}

    /// Makes it as new, for another flow; both directions have been finished.
    func reset() {}
}

/// What a parser says while it reads: which transactions came further, and oddities. Filled by
/// parsers, drained by the engine after every call, so that rules look at a transaction before the
/// next bytes change it.
final class ParserOutput {
    /// A transaction came further in one direction, or an oddity was seen.
    struct Event {
        enum Kind: Equatable {
            case progress
            /// Index into the definition's `anomalies`.
            case anomaly(Int)
        }

        var kind: Kind
        var transaction: Transaction?
        var direction: Direction
    }

    /// What was said since the last drain, in order.
    private(set) var events: [Event] = []
    /// Limits on what parsers keep.
    let limits: ProtocolLimits
    /// Whether files are to be hashed and identified: costly, so only where a rule or output asks.
    let wantsFiles: Bool
    /// Where parsers put values together; free for use within one call.
    let text = TextBuffer()
    private var pools: [ObjectIdentifier: [Transaction]] = [:]

    init(limits: ProtocolLimits = ProtocolLimits(), wantsFiles: Bool = true) {
        self.limits = limits
        self.wantsFiles = wantsFiles
    }

    /// Takes a transaction from the pool.
    func begin(_ definition: ProtocolDefinition, id: UInt64) -> Transaction {
        let transaction = pools[ObjectIdentifier(definition)]?.popLast() ?? Transaction(definition)
        transaction.isPooled = false
        transaction.id = id
        return transaction
    }

    /// Says that one direction of a transaction has come to `progress`; going back is ignored. With
    /// both directions complete the transaction is the engine's, and the parser must forget it.
    func advance(_ transaction: Transaction, _ direction: Direction, to progress: Progress) {
        guard progress > transaction.progress(direction) else { return }
        if direction == .toServer {
            transaction.toServer = progress
        } else {
            transaction.toClient = progress
        }
        events.append(Event(kind: .progress, transaction: transaction, direction: direction))
    }

    /// Says that something odd was seen, by the index of its name in the definition.
    func anomaly(_ index: Int, _ direction: Direction, in transaction: Transaction?) {
        events.append(Event(kind: .anomaly(index), transaction: transaction, direction: direction))
    }

    /// Forgets the events; complete transactions go back to their pool.
    func drain() {
        for event in events {
            guard let transaction = event.transaction, transaction.isComplete,
                event.kind == .progress,
                !transaction.isPooled
            else { continue }
            recycle(transaction)
        }
        events.removeAll(keepingCapacity: true)
    }

    /// Gives back a transaction that will not become complete.
    func recycle(_ transaction: Transaction) {
        transaction.reset()
        transaction.isPooled = true
        pools[ObjectIdentifier(transaction.definition), default: []].append(transaction)
    }
}

/// Limits on what protocol parsers keep, with the defaults of Suricata 7 (`app-layer.protocols`).
struct ProtocolLimits: Sendable {
    /// Body bytes kept for rules, each direction of a transaction.
    var requestBodyByteCountMax = 100 * 1024
    var responseBodyByteCountMax = 100 * 1024
    /// Bytes of one header line, and of all headers of a message.
    var headerLineByteCountMax = 18_000
    var headersByteCountMax = 256 * 1024
    /// Header lines of a message.
    var headerCountMax = 1024
    /// Whether URIs are decoded a second time (`double-decode-path`, `double-decode-query`).
    var decodesPathTwice = false
    var decodesQueryTwice = false
    /// Transactions of one flow that are open at once.
    var openTransactionCountMax = 256
    /// Bytes that all layers of one body's content encodings may unpack to, and how many layers.
    var decompressedByteCountMax = 1 << 20
    var decompressionLayerCountMax = 2
    /// Bytes of a file that are looked at for its type, and that are hashed.
    var fileMagicByteCount = 4096
}
