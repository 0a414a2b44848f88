/// Turns one flow's ordered bytes into transactions. One instance a flow, taken from a pool; a
/// subclass per protocol.
///
/// Bytes come in order, each once, cut anywhere: a parser keeps what it needs of an unfinished
/// element, within its own limits, and must give the same transactions however the bytes are cut.
class ProtocolParser {
    /// The port that the flow goes to; set by the session when it takes the parser.
    final var serverPort: UInt16 = 0
    /// What another flow said about this one, for data connections; set by the session too.
    final var announcement: FTP.Announcement?
    /// The address of the flow's client.
    final var clientAddress = IPAddress.zero
    /// Set by a parser after which another protocol speaks (HTTP's CONNECT, STARTTLS): the session
    /// then looks for that one, beginning with the last `leftoverByteCount` bytes handed to
    /// `parse`.
    final var handsOver = false
    /// The name of the protocol that was announced to follow and is still to be recognised.
    final var announced: StaticString?
    /// Set by a parser when what follows in both directions is encrypted: nobody need look at it.
    final var opacity = Opacity.clear
    /// The name of that protocol, if it is known, and what its parser is to know of this one (`inherit`).
    final var successor: (name: String, legacy: HTTPBuffer)?
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

    /// Takes what the protocol that was spoken before left, before anything is parsed.
    func inherit(_ bytes: RawSpan, into output: ParserOutput) {}

    /// Bytes of one direction are missing and will not come.
    func skip(gap byteCount: UInt64, _ direction: Direction, into output: ParserOutput) {}

    /// One direction ended: what is unfinished in it is complete as it stands. When both have
    /// ended, no transaction may stay open.
    func finish(_ direction: Direction, into output: ParserOutput) {}

    /// Makes it as new, for another flow; both directions have been finished.
    func reset() {}
}

/// What of a flow is still to be looked at.
enum Opacity: UInt8 {
    case clear
    /// No payload: headers still say something.
    case payload
    /// Nothing at all.
    case packets
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
            /// Rules on payload look at what has come of the stream.
            case chunkEnd
        }

        var kind: Kind
        var transaction: Transaction?
        var direction: Direction
    }

    /// What was said since the last drain, in order.
    private(set) var events: [Event] = []
    /// Data connections between the ends of the flow that were announced since the last call.
    private(set) var announcements: [FTP.Announcement] = []
    /// Limits on what parsers keep.
    let limits: ProtocolLimits
    /// What is to be found out about files.
    let fileNeeds: FileNeeds
    /// libmagic, for this shard.
    let magic = FileMagic()
    /// Decompressors of bodies that are not in use.
    let decompressors: DecompressorPool
    private var files: [FileTracker] = []
    /// Where parsers put values together; free for use within one call.
    let text = TextBuffer()
    /// Hash functions, each free for use within one call; to be reset before.
    let md5 = Digest(.md5)
    let sha1 = Digest(.sha1)
    let sha256 = Digest(.sha256)
    /// Transactions that were taken from the pools and not yet given back.
    private(set) var openTransactionCount = 0
    /// One for each definition that was asked for: few, so that going through their names beats hashing.
    private var pools: [Pool] = []
    private var poolNames: [ObjectIdentifier] = []

    /// The transactions of one definition that are not in use, and how many were asked for.
    private final class Pool {
        var transactions: [Transaction] = []
        var begunCount: UInt64 = 0

        func take() -> Transaction? {
            begunCount &+= 1
            return transactions.popLast()
        }
    }

    init(limits: ProtocolLimits = ProtocolLimits(), fileNeeds: FileNeeds = .all) {
        self.limits = limits
        self.fileNeeds = fileNeeds
        decompressors = DecompressorPool(limits: limits)
    }

    /// Takes a transaction from the pool.
    ///
    /// - Parameter spoken: The protocol, where several make transactions of the definition.
    func begin(
        _ definition: ProtocolDefinition, as spoken: ProtocolDefinition? = nil, id: UInt64
    ) -> Transaction {
        let transaction = pool(of: definition).take() ?? Transaction(definition)
        if let spoken {
            transaction.spoken = spoken
            if spoken !== definition { pool(of: spoken).begunCount &+= 1 }
        }
        openTransactionCount &+= 1
        transaction.isPooled = false
        transaction.id = id
        return transaction
    }

    private func pool(of definition: ProtocolDefinition) -> Pool {
        let identifier = ObjectIdentifier(definition)
        for index in poolNames.indices where poolNames[index] == identifier { return pools[index] }
        let pool = Pool()
        poolNames.append(identifier)
        pools.append(pool)
        return pool
    }

    /// Takes a tracker for a file; it gives itself back when the file ends.
    func takeFile() -> FileTracker { files.popLast() ?? FileTracker() }

    func give(_ file: FileTracker) { files.append(file) }

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

    /// Says that nothing more comes in a direction of a transaction, where no message tells so.
    func giveUp(_ transaction: Transaction, _ direction: Direction) {
        guard transaction.progress(direction) == .none else {
            return advance(transaction, direction, to: .complete)
        }
        transaction.silence(direction)
        events.append(Event(kind: .progress, transaction: transaction, direction: direction))
    }

    /// Says that rules on payload are to look at what has come of a direction, though its message goes on.
    func endChunk(_ direction: Direction) {
        events.append(Event(kind: .chunkEnd, transaction: nil, direction: direction))
    }

    /// Says that something odd was seen, by the index of its name in the definition.
    func anomaly(_ index: Int, _ direction: Direction, in transaction: Transaction?) {
        transaction?.note(anomaly: index, direction)
        events.append(Event(kind: .anomaly(index), transaction: transaction, direction: direction))
    }

    /// Says that a connection between the ends of this flow will carry data.
    func announce(_ announcement: FTP.Announcement) { announcements.append(announcement) }

    /// Forgets the announcements.
    func drainAnnouncements() { announcements.removeAll(keepingCapacity: true) }

    /// Forgets the events; complete transactions go back to their pool.
    func drain() {
        guard !events.isEmpty else { return }
        for index in events.indices where events[index].kind == .progress {
            if let transaction = events[index].transaction, transaction.isComplete,
                !transaction.isPooled
            {
                recycle(transaction)
            }
        }
        events.removeAll(keepingCapacity: true)
    }

    /// Gives back a transaction that will not become complete.
    func recycle(_ transaction: Transaction) {
        transaction.reset()
        transaction.isPooled = true
        openTransactionCount &-= 1
        pool(of: transaction.definition).transactions.append(transaction)
    }

    /// Adds the number of transactions of every protocol in `definitions`, under Suricata's names.
    func report(
        _ definitions: [ProtocolDefinition] = Protocols.all, into counters: inout Counters
    ) {
        for definition in definitions where definition.makeParser != nil {
            var count = pool(of: definition).begunCount
            // Those of others with the same table are theirs.
            for other in definitions where other.transactions === definition {
                count &-= pool(of: other).begunCount
            }
            counters.add("app_layer.tx.\(definition.name)", count)
        }
    }
}

/// Limits on what protocol parsers keep, with the defaults of Suricata 7 (`app-layer.protocols`).
struct ProtocolLimits: Sendable {
    /// Body bytes kept for rules, each direction of a transaction.
    var requestBodyByteCountMax = 100 * 1024
    var responseBodyByteCountMax = 100 * 1024
    /// Bytes of a body, and of a file in a mail, behind which rules on payload look at each piece of it. Suricata's are
    /// `request-body-minimal-inspect-size` and `response-body-minimal-inspect-size` of HTTP, and
    /// `content-inspect-min-size` of SMTP.
    var wholeRequestBodyByteCountMax = 32 * 1024
    var wholeResponseBodyByteCountMax = 40 * 1024
    var wholeMailFileByteCountMax = 32 * 1024
    /// Bytes of a file in a mail that are looked at so (Suricata's `content-limit` of SMTP).
    var mailFileByteCountMax = 100_000
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
    /// Transactions of all flows of a shard that may wait for a response before new ones do not.
    var waitingTransactionCountMax = 32_768
    /// How many content codings of one body are undone, and bytes that may come of it however few
    /// there were; beyond them the ratio counts.
    var decompressionLayerCountMax = 3
    var decompressedByteCountMax = 1 << 20
    var decompressionRatioMax = 200
    /// Memory of one LZMA body (`lzma-memlimit`).
    var lzmaMemoryByteCountMax = 1 << 20
    /// Files of one form, and bytes of a file's name.
    var multipartFileCountMax = 64
    var fileNameByteCountMax = 4096
    /// Bytes of a file that are looked at for its type.
    var fileMagicByteCount = 4096

    /// Body bytes kept of a direction; no limit means the most that a field can hold.
    func bodyByteCountMax(_ direction: Direction) -> Int {
        min(
            direction == .toServer ? requestBodyByteCountMax : responseBodyByteCountMax, 1 << 30)
    }
}
