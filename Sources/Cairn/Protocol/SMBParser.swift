/// Turns SMB messages into transactions, and what goes through pipes into DCE/RPC transactions.
///
/// Of each direction one unfinished message is kept (`SMBFraming.keptByteCountMax`). Requests wait
/// for their response in a list of at most `openTransactionCountMax`; of shares, open files and
/// pipes in use `SMBTrees.countMax`, `SMBOpens.countMax` and `pipeCountMax` are known. Beyond each
/// the oldest is given up.
final class SMBParser: ProtocolParser {
    /// Pipes whose calls are followed at once.
    static let pipeCountMax = 32

    @exclusivity(unchecked) private var client = SMBFraming()
    @exclusivity(unchecked) private var server = SMBFraming()
    private var hasClientEnded = false
    private var hasServerEnded = false
    private let numbers = TransactionNumbers()
    private var associations: [DCERPCAssociation] = []
    private var associationCount = 0
    /// Requests without a response, oldest first.
    private var requests: [SMBRequest] = []
    @exclusivity(unchecked) private var trees = SMBTrees()
    @exclusivity(unchecked) var opens = SMBOpens()
    /// What the two ends agreed on, empty before.
    private var dialect: [UInt8] = []
    /// Versions in which the client has offered dialects, as a set of bits.
    private var negotiatedVersions = 0
    /// What the messages of a compound request have in common.
    var compound = Compound()

    /// What a message of a compound request takes from the one before ([MS-SMB2] §3.3.5.2.7).
    struct Compound {
        var sessionID: UInt64 = 0
        var treeID: UInt32 = 0
        /// The open file, or the request that opens it.
        var open: SMBOpens.Reference?
        var creation: Transaction?
    }

    override func reset() {
        client.forget()
        server.forget()
        hasClientEnded = false
        hasServerEnded = false
        numbers.reset()
        for index in opens.indices where opens[index].association != nil { detach(index) }
        opens.removeAll()
        trees.removeAll()
        requests.removeAll(keepingCapacity: true)
        dialect.removeAll(keepingCapacity: true)
        negotiatedVersions = 0
        compound = Compound()
    }

    // MARK: Messages

    override func parse(_ bytes: RawSpan, _ direction: Direction, into output: ParserOutput) {
        // The unfinished message leaves the parser while its bytes are read.
        var framing = SMBFraming()
        exchange(&framing, direction)
        defer { exchange(&framing, direction) }
        var position = 0
        while position < bytes.byteCount {
            let step = framing.step(bytes, &position)
            let isFirst = framing.isFirst
            switch step {
            case .goOn: continue
            case .inPlace(let range, let byteCount):
                read(bytes.extracting(range), byteCount, isFirst, direction, output)
            case .collected(let byteCount):
                framing.message.withUnsafeBytes {
                    read($0.bytes, byteCount, isFirst, direction, output)
                }
            case .malformed: report(.malformedData, direction, nil, output)
            }
            framing.endMessage()
        }
    }

    override func skip(gap byteCount: UInt64, _ direction: Direction, into output: ParserOutput) {
        var framing = SMBFraming()
        exchange(&framing, direction)
        framing.skip(gap: byteCount)
        exchange(&framing, direction)
        for index in opens.indices {
            opens[index].association?.skip(gap: .max, direction)
        }
    }

    private func exchange(_ framing: inout SMBFraming, _ direction: Direction) {
        if direction == .toServer {
            swap(&framing, &client)
        } else {
            swap(&framing, &server)
        }
    }

    /// Reads a message, or the part of its bytes that is kept.
    private func read(
        _ message: RawSpan, _ byteCount: Int, _ isFirst: Bool, _ direction: Direction,
        _ output: ParserOutput
    ) {
        guard message.starts(with: "SMB", at: 1) else {
            return report(.malformedData, direction, nil, output)
        }
        if isFirst, direction == .toServer { compound = Compound() }
        switch message.byte(at: 0) {
        case 0xff: readVersion1(message, byteCount, direction, output)
        case 0xfe: readVersion2(message, byteCount, direction, output)
        // Encrypted; compressed.
        case 0xfd, 0xfc: break
        default: report(.malformedData, direction, nil, output)
        }
    }

    override func finish(_ direction: Direction, into output: ParserOutput) {
        if direction == .toServer { hasClientEnded = true } else { hasServerEnded = true }
        for index in opens.indices {
            opens[index].association?.finish(direction, into: output)
        }
        guard direction == .toClient else { return }
        for request in requests { giveUp(request.transaction, output) }
        requests.removeAll(keepingCapacity: true)
    }

    // MARK: Transactions

    /// Begins the transaction of a request.
    func begin(
        _ command: StaticString, version: Int64, sessionID: UInt64, treeID: UInt32,
        _ output: ParserOutput
    ) -> Transaction {
        let transaction = output.begin(SMB.definition, id: numbers.take())
        transaction.set(.version, version)
        transaction.set(.command, command)
        if !dialect.isEmpty {
            dialect.withUnsafeBytes { transaction.set(.dialect, $0) }
        }
        transaction.set(.sessionID, Int64(truncatingIfNeeded: sessionID))
        transaction.set(.treeID, Int64(treeID))
        return transaction
    }

    /// Says that a request is complete and waits for its response. Too many in the flow: the oldest
    /// is given up; too many in all flows: this one.
    func wait(_ request: SMBRequest, _ output: ParserOutput) {
        if let transaction = request.transaction {
            output.advance(transaction, .toServer, to: .complete)
        }
        if hasServerEnded { return giveUp(request.transaction, output) }
        var givenUp = request
        if output.openTransactionCount <= output.limits.waitingTransactionCountMax {
            requests.append(request)
            guard requests.count > output.limits.openTransactionCountMax else { return }
            givenUp = requests.removeFirst()
        }
        report(.tooManyTransactions, .toServer, givenUp.transaction, output)
        giveUp(givenUp.transaction, output)
    }

    /// The place in the list of the oldest request that a response belongs to.
    func requestIndex(_ key: UInt64, _ command: UInt16, isVersion2: Bool) -> Int? {
        requests.firstIndex {
            $0.key == key && $0.command == command && $0.isVersion2 == isVersion2
        }
    }

    /// The place of the request whose transaction is given.
    func requestIndex(of transaction: Transaction) -> Int? {
        requests.firstIndex { $0.transaction === transaction }
    }

    /// The place of the negotiation of SMB 1 that was not answered yet.
    var negotiationIndex: Int? {
        requests.firstIndex { !$0.isVersion2 && $0.command == SMB1Header.Command.negotiate }
    }

    func request(at index: Int) -> SMBRequest { requests[index] }

    /// The file that a request opens is closed by one behind it in the same message.
    func noteClosing(of index: Int) { requests[index].isClosed = true }

    func takeRequest(at index: Int) -> SMBRequest { requests.remove(at: index) }

    /// The interim response of a request in parts has come.
    func noteInterimResponse(to index: Int) { requests[index].isPart = false }

    /// Forgets a request whose response does not come.
    private func giveUp(_ transaction: Transaction?, _ output: ParserOutput) {
        if let transaction { output.giveUp(transaction, .toClient) }
        end(transaction, output)
    }

    /// Says that nothing more comes for a transaction whose request is complete.
    func end(_ transaction: Transaction?, _ output: ParserOutput) {
        guard let transaction else { return }
        if compound.creation === transaction { compound.creation = nil }
        output.advance(transaction, .toServer, to: .complete)
        output.advance(transaction, .toClient, to: .complete)
    }

    func report(
        _ anomaly: SMB.Anomaly, _ direction: Direction, _ transaction: Transaction?,
        _ output: ParserOutput
    ) {
        output.anomaly(anomaly.rawValue, direction, in: transaction)
    }

    /// Keeps what the two ends agreed on.
    func noteDialect(_ text: UnsafeRawBufferPointer) {
        dialect.removeAll(keepingCapacity: true)
        dialect.append(contentsOf: text)
    }

    /// Reports a negotiation that is not the first of its version.
    func noteNegotiation(version: Int, _ transaction: Transaction, _ output: ParserOutput) {
        if negotiatedVersions & 1 << version != 0 {
            report(.duplicateNegotiate, .toServer, transaction, output)
        }
        negotiatedVersions |= 1 << version
        transaction.fields.clear(SMBField.dialect.rawValue)
    }
}

// MARK: - Shares and files

extension SMBParser {
    /// Stores the share that a request is about.
    ///
    /// - Returns: what the share is for.
    @discardableResult
    func storeTree(
        _ sessionID: UInt64, _ treeID: UInt32, in transaction: Transaction
    ) -> SMBShareKind {
        guard let index = trees.find(sessionID, treeID) else { return .unknown }
        trees[index].path.withUnsafeBytes {
            if !$0.isEmpty { transaction.set(.path, $0) }
        }
        return trees[index].kind
    }

    /// Stores the path that a request connects to, which is the text in the buffer.
    func storeConnection(_ transaction: Transaction, _ text: TextBuffer) {
        let path = text.bytes
        let isPipe =
            path.count >= 4
            && path.suffix(4).elementsEqual("IPC$".utf8) {
                $0.asciiLowercased == $1.asciiLowercased
            }
        transaction.set(isPipe ? .namedPipe : .share, path)
        if isPipe { transaction.set(.pipeShare, path) }
        transaction.set(.path, path)
        text.removeAll()
    }

    /// Adds the share that a request has connected to.
    func connect(
        _ transaction: Transaction, _ sessionID: UInt64, _ treeID: UInt32, _ kind: SMBShareKind,
        _ output: ParserOutput
    ) {
        if let name = kind.name { transaction.set(.shareType, name) }
        let path = transaction.fields.bytes(of: SMBField.path.rawValue)
        if trees.insert(sessionID, treeID, path, kind) {
            report(.tooManyTrees, .toClient, transaction, output)
        }
    }

    func disconnect(_ sessionID: UInt64, _ treeID: UInt32) { trees.remove(sessionID, treeID) }

    /// Stores what a request opens, whose name is the text in the buffer.
    func storeOpening(
        _ transaction: Transaction, _ kind: SMBShareKind, disposition: UInt32,
        isDeletedOnClose: Bool, _ text: TextBuffer
    ) {
        let start = Self.pipePrefixByteCount(text.bytes)
        let isPipe = kind == .pipe || kind == .unknown && Self.isUsualPipe(text.bytes(from: start))
        if isPipe {
            transaction.set(.namedPipe, text.bytes(from: start))
            transaction.set(.filename, text.bytes(from: start))
            transaction.set(.action, "SMB::PIPE_OPEN")
        } else {
            if text.count == 0 { text.append("<share_root>") }
            transaction.set(.filename, text.bytes)
            transaction.set(.action, kind == .printer ? "SMB::PRINT_OPEN" : "SMB::FILE_OPEN")
            if isDeletedOnClose { transaction.set(.action, "SMB::FILE_DELETE") }
        }
        text.removeAll()
        if let name = SMBNames.disposition(disposition) { transaction.set(.disposition, name) }
        transaction.set(.access, isDeletedOnClose ? "delete on close" : "normal")
    }

    /// Whether a name is one of the pipes of Windows: how they are told where the share is not known.
    private static func isUsualPipe(_ name: UnsafeRawBufferPointer) -> Bool {
        usualPipes.contains { pipe in
            name.count == pipe.utf8CodeUnitCount
                && name.indices.allSatisfy { name[$0].asciiLowercased == pipe.utf8Start[$0] }
        }
    }

    private static let usualPipes: [StaticString] = [
        "atsvc", "browser", "efsrpc", "epmapper", "eventlog", "initshutdown", "lsarpc", "lsass",
        "netdfs", "netlogon", "ntsvcs", "protected_storage", "samr", "spoolss", "srvsvc", "svcctl",
        "w32time", "winreg", "wkssvc",
    ]

    /// Bytes in front of a pipe's own name: `\`, `\PIPE\`.
    private static func pipePrefixByteCount(_ name: UnsafeRawBufferPointer) -> Int {
        let start = name.first == UInt8(ascii: "\\") ? 1 : 0
        let hasPrefix = name.dropFirst(start).starts(with: "pipe\\".utf8) {
            $0.asciiLowercased == $1
        }
        return hasPrefix ? start &+ 5 : start
    }

    /// Adds the file that a request has opened.
    func open(
        _ id: SMBFileID, _ creation: Transaction, _ kind: SMBShareKind, _ output: ParserOutput
    ) {
        let index = insertOpen(id, creation, output)
        let isPipe = creation.fields.count(of: SMBField.namedPipe.rawValue) > 0
        opens[index].kind = isPipe ? .pipe : kind
        if let name = creation.fields.bytes(of: SMBField.filename.rawValue) {
            opens[index].name.append(contentsOf: name)
        }
        if let path = creation.fields.bytes(of: SMBField.path.rawValue) {
            opens[index].path.append(contentsOf: path)
        }
    }

    /// The place of an open file; of one whose opening was not seen, only its share is known.
    func findOpen(
        _ id: SMBFileID, _ sessionID: UInt64, _ treeID: UInt32, _ output: ParserOutput
    ) -> Int {
        if let index = opens.find(id) { return index }
        let index = insertOpen(id, nil, output)
        if let tree = trees.find(sessionID, treeID) {
            opens[index].kind = trees[tree].kind
            opens[index].path.append(contentsOf: trees[tree].path)
        }
        return index
    }

    private func insertOpen(
        _ id: SMBFileID, _ transaction: Transaction?, _ output: ParserOutput
    ) -> Int {
        if let index = opens.find(id) { close(index, output) }
        if let oldest = opens.oldestIfFull {
            report(.tooManyFiles, .toServer, transaction, output)
            close(oldest, output)
        }
        return opens.insert(id)
    }

    /// Forgets an open file; the calls through a pipe are over.
    func close(_ index: Int, _ output: ParserOutput) {
        endCalls(index, output)
        opens.remove(index)
    }

    /// Stores what is done to an open file.
    func storeAction(_ action: StaticString, on index: Int, in transaction: Transaction) {
        transaction.set(.action, action)
        opens[index].name.withUnsafeBytes {
            if !$0.isEmpty { transaction.set(.filename, $0) }
        }
        opens[index].path.withUnsafeBytes {
            if !$0.isEmpty { transaction.set(.path, $0) }
        }
    }

    /// Stores a new name, which is the text in the buffer, for the file of a transaction.
    func storeRenaming(_ transaction: Transaction, _ text: TextBuffer) {
        if let value = transaction.fields.first(of: SMBField.filename.rawValue) {
            transaction.fields.append(sharing: value, to: SMBField.renameFrom.rawValue)
            transaction.fields.clear(SMBField.filename.rawValue)
        }
        transaction.set(.renameTo, text.bytes)
        transaction.set(.filename, text.bytes)
        text.removeAll()
    }

    /// Gives an open file the name that its transaction says.
    func rename(_ request: SMBRequest) {
        guard let index = opens.find(request.open),
            let name = request.transaction?.fields.bytes(of: SMBField.filename.rawValue)
        else { return }
        opens[index].name.removeAll(keepingCapacity: true)
        opens[index].name.append(contentsOf: name)
    }

    /// The first of the reads or writes of an open file.
    ///
    /// - Returns: the action of the transaction that stands for all; nil if there was one.
    func noteTransfer(_ index: Int, isWrite: Bool) -> StaticString? {
        if isWrite {
            guard !opens[index].hasWritten else { return nil }
            opens[index].hasWritten = true
        } else {
            guard !opens[index].hasRead else { return nil }
            opens[index].hasRead = true
        }
        switch opens[index].kind {
        case .unknown, .file: return isWrite ? "SMB::FILE_WRITE" : "SMB::FILE_READ"
        case .pipe: return isWrite ? "SMB::PIPE_WRITE" : "SMB::PIPE_READ"
        case .printer: return isWrite ? "SMB::PRINT_WRITE" : "SMB::PRINT_READ"
        }
    }
}

// MARK: - Pipes

extension SMBParser {
    /// Takes bytes that go through an open file, if they are DCE/RPC.
    ///
    /// - Parameter range: where the bytes stand in the message; what is behind those that were
    ///   kept counts as missing.
    /// - Returns: whether they are DCE/RPC.
    func takeCalls(
        _ message: RawSpan, _ range: Range<Int>, _ index: Int, _ direction: Direction,
        _ output: ParserOutput
    ) -> Bool {
        let kept = range.clamped(to: 0..<message.byteCount)
        guard isRPC(index, message.extracting(kept), output) else { return false }
        opens[index].association?.parse(message.extracting(kept), direction, into: output)
        if range.count > kept.count {
            let missing = UInt64(range.count &- kept.count)
            opens[index].association?.skip(gap: missing, direction)
        }
        return true
    }

    /// Whether a file is a pipe through which DCE/RPC goes; its first bytes decide.
    private func isRPC(_ index: Int, _ start: RawSpan, _ output: ParserOutput) -> Bool {
        if let isRPC = opens[index].isRPC { return isRPC }
        guard opens[index].kind == .pipe || opens[index].kind == .unknown, start.byteCount > 0
        else { return false }
        let isRPC =
            start.byteCount >= DCERPCHeader.byteCount
            ? DCERPCHeader(decoding: start) != nil
            : DCERPCDetection.canBegin(start)
        opens[index].isRPC = isRPC
        if isRPC { attach(index, output) }
        return isRPC
    }

    /// Begins to follow the calls through a pipe.
    private func attach(_ index: Int, _ output: ParserOutput) {
        opens[index].kind = .pipe
        if associationCount == Self.pipeCountMax {
            let oldest = opens.indices.filter { opens[$0].association != nil }
                .min { opens[$0].lastUse < opens[$1].lastUse }
            report(.tooManyPipes, .toServer, nil, output)
            if let oldest {
                endCalls(oldest, output)
                opens[oldest].isRPC = false
            }
        }
        let association = associations.popLast() ?? DCERPCAssociation(numbers)
        association.begin(pipe: opens[index].name)
        if hasClientEnded { association.finish(.toServer, into: output) }
        if hasServerEnded { association.finish(.toClient, into: output) }
        opens[index].association = association
        associationCount &+= 1
    }

    /// Ends the calls through a pipe, if there are any.
    private func endCalls(_ index: Int, _ output: ParserOutput) {
        guard let association = opens[index].association else { return }
        association.finish(.toServer, into: output)
        association.finish(.toClient, into: output)
        detach(index)
    }

    /// Gives back the association of a pipe, whose calls are over.
    private func detach(_ index: Int) {
        guard let association = opens[index].association else { return }
        opens[index].association = nil
        association.reset()
        associations.append(association)
        associationCount &-= 1
    }
}

// MARK: - Values

extension Transaction {
    func set(_ field: SMBField, _ number: Int64) { fields.append(number, to: field.rawValue) }

    func set(_ field: SMBField, _ bytes: UnsafeRawBufferPointer) {
        fields.append(bytes, to: field.rawValue)
    }

    func set(_ field: SMBField, _ text: StaticString) {
        set(
            field,
            UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    func set(_ field: SMBField, _ text: TextBuffer) {
        set(field, text.bytes)
        text.removeAll()
    }

    /// Stores a name in a message: UTF-16LE, or bytes as they are.
    func set(
        _ field: SMBField, _ message: RawSpan, _ range: Range<Int>, isUnicode: Bool,
        _ output: ParserOutput
    ) {
        output.text.setName(
            message, range, isUnicode: isUnicode,
            byteCountMax: output.limits.fileNameByteCountMax)
        set(field, output.text)
    }

    /// Stores the status of a response by name and number ([MS-ERREF] §2.3).
    func setStatus(_ status: UInt32, _ text: TextBuffer) {
        setStatusCode(status, text)
        if let name = SMBNames.status(status) {
            set(.status, name)
        } else if let value = fields.first(of: SMBField.statusCode.rawValue) {
            fields.append(sharing: value, to: SMBField.status.rawValue)
        }
    }

    /// Stores the number of a response's status.
    func setStatusCode(_ status: UInt32, _ text: TextBuffer) {
        text.removeAll()
        text.appendHexNumber(status)
        set(.statusCode, text)
    }
}
