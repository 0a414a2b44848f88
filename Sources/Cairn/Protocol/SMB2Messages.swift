/// The header of SMB 2 and 3 messages ([MS-SMB2] §2.2.1).
///
///      0               8              16              24            31  bit
///     +---------------+---------------+---------------+---------------+
///     |     0xfe      |      'S'      |      'M'      |      'B'      |
///     +---------------+---------------+---------------+---------------+
///     |      structure size (64)      |         credit charge         |
///     +-------------------------------+-------------------------------+
///     |                   status (channel sequence)                   |
///     +-------------------------------+-------------------------------+
///     |            command            |            credits            |
///     +-------------------------------+-------------------------------+
///     |                             flags                             |
///     +---------------------------------------------------------------+
///     |                offset of the next message, or 0               |
///     +---------------------------------------------------------------+
///     |                 message identifier (64 bits)                  |
///     +---------------------------------------------------------------+
///     |   asynchronous identifier (64), or reserved, tree identifier  |
///     +---------------------------------------------------------------+
///     |                 session identifier (64 bits)                  |
///     +---------------------------------------------------------------+
///     |                     signature (128 bits)                      |
///     +---------------------------------------------------------------+
struct SMB2Header: Equatable, Sendable {
    static let byteCount = 64

    let status: UInt32
    let command: UInt16
    let isResponse: Bool
    /// The tree identifier is missing.
    let isAsynchronous: Bool
    /// Session, tree and file are those of the message before.
    let isRelated: Bool
    let messageID: UInt64
    let treeID: UInt32
    let sessionID: UInt64

    /// Reads the header at the start of `bytes`, whose first four bytes are those of SMB 2; nil if
    /// it is not all there.
    init?(decoding bytes: RawSpan) {
        guard bytes.byteCount >= Self.byteCount, bytes.littleEndian(UInt16.self, at: 4) == 64
        else { return nil }
        status = bytes.littleEndian(at: 8)
        command = bytes.littleEndian(at: 12)
        let flags = bytes.littleEndian(UInt32.self, at: 16)
        isResponse = flags & 1 != 0
        isAsynchronous = flags & 2 != 0
        isRelated = flags & 4 != 0
        messageID = bytes.littleEndian(at: 24)
        treeID = flags & 2 != 0 ? 0 : bytes.littleEndian(at: 36)
        sessionID = bytes.littleEndian(at: 40)
    }

    /// Commands that are looked at more closely ([MS-SMB2] §2.2.1.2).
    enum Command {
        static let negotiate: UInt16 = 0
        static let sessionSetup: UInt16 = 1
        static let treeConnect: UInt16 = 3
        static let treeDisconnect: UInt16 = 4
        static let create: UInt16 = 5
        static let close: UInt16 = 6
        static let read: UInt16 = 8
        static let write: UInt16 = 9
        static let control: UInt16 = 11
        static let cancel: UInt16 = 12
        static let queryInfo: UInt16 = 16
        static let setInfo: UInt16 = 17
    }
}

/// A request of SMB 2, with what it takes from the one before.
private struct SMB2Request {
    let header: SMB2Header
    let sessionID: UInt64
    let treeID: UInt32
    /// Bytes of the message, of which some may not be there.
    let byteCount: Int
}

/// The file that a request is about.
private enum SMB2Target {
    case open(Int)
    /// One that the request before opens.
    case creating(Transaction)
    case unknown
}

extension SMBParser {
    /// Reads a message of SMB 2 or 3, of which the first bytes are there.
    func readVersion2(
        _ message: RawSpan, _ byteCount: Int, _ direction: Direction, _ output: ParserOutput
    ) {
        guard let header = SMB2Header(decoding: message) else {
            return report(.malformedData, direction, nil, output)
        }
        switch (header.isResponse, direction) {
        case (false, .toServer):
            if !header.isRelated { compound = Compound() }
            let request = SMB2Request(
                header: header,
                sessionID: header.isRelated ? compound.sessionID : header.sessionID,
                treeID: header.isRelated ? compound.treeID : header.treeID, byteCount: byteCount)
            compound.sessionID = request.sessionID
            compound.treeID = request.treeID
            read(request, message, output)
        case (true, .toClient): readResponse(header, message, byteCount, output)
        case (false, .toClient): report(.requestToClient, direction, nil, output)
        case (true, .toServer): report(.responseToServer, direction, nil, output)
        }
    }

    // MARK: Requests

    private func read(_ request: SMB2Request, _ message: RawSpan, _ output: ParserOutput) {
        switch request.header.command {
        case SMB2Header.Command.negotiate: readNegotiation(request, message, output)
        case SMB2Header.Command.sessionSetup: readSessionSetup(request, message, output)
        case SMB2Header.Command.treeConnect: readTreeConnection(request, message, output)
        case SMB2Header.Command.create: readCreation(request, message, output)
        case SMB2Header.Command.close: readClosing(request, message, output)
        case SMB2Header.Command.read: readReading(request, message, output)
        case SMB2Header.Command.write: readWriting(request, message, output)
        case SMB2Header.Command.control: readControl(request, message, output)
        case SMB2Header.Command.setInfo: readSetting(request, message, output)
        // Nothing is worth a transaction; the response to what is cancelled comes under its own
        // number.
        case SMB2Header.Command.queryInfo, SMB2Header.Command.cancel: break
        case SMB2Header.Command.treeDisconnect:
            wait(request, begin(request, output), output)
            disconnect(request.sessionID, request.treeID)
        default: wait(request, begin(request, output), output)
        }
    }

    private func begin(_ request: SMB2Request, _ output: ParserOutput) -> Transaction {
        begin(
            SMBNames.command2(request.header.command), version: 2,
            sessionID: request.sessionID, treeID: request.treeID, output)
    }

    private func wait(
        _ request: SMB2Request, _ transaction: Transaction?,
        open: SMBOpens.Reference? = nil, kind: SMBShareKind = .unknown, isRename: Bool = false,
        _ output: ParserOutput
    ) {
        wait(
            SMBRequest(
                key: request.header.messageID, command: request.header.command, isVersion2: true,
                transaction: transaction, open: open, kind: kind, isRename: isRename), output)
    }

    /// Reports a body that is too short, or points outside; the rest of the transaction goes on.
    private func reportMalformed(_ transaction: Transaction?, _ output: ParserOutput) {
        report(.malformedData, .toServer, transaction, output)
    }

    /// The dialects that the client offers ([MS-SMB2] §2.2.3).
    private func readNegotiation(
        _ request: SMB2Request, _ message: RawSpan, _ output: ParserOutput
    ) {
        let transaction = begin(request, output)
        noteNegotiation(version: 2, transaction, output)
        let count = message.byteCount >= 100 ? Int(message.littleEndian(UInt16.self, at: 66)) : 0
        if count == 0 || message.place(100, 2 &* count) == nil {
            report(.negotiateMalformedDialects, .toServer, transaction, output)
        }
        for index in 0..<min(count, 64, max(0, message.byteCount &- 100) / 2) {
            output.text.removeAll()
            output.text.append(dialect2: message.littleEndian(at: 100 &+ 2 &* index))
            transaction.set(.clientDialects, output.text)
        }
        wait(request, transaction, output)
    }

    /// Who logs in ([MS-SMB2] §2.2.5).
    private func readSessionSetup(
        _ request: SMB2Request, _ message: RawSpan, _ output: ParserOutput
    ) {
        let transaction = begin(request, output)
        if let blob = place(message, at: 76) {
            if let anomaly = transaction.storeLogin(message.extracting(blob), output) {
                report(anomaly, .toServer, transaction, output)
            }
        } else {
            reportMalformed(transaction, output)
        }
        wait(request, transaction, output)
    }

    /// The place of bytes whose offset and length (two bytes each) stand at an offset; nil if they
    /// are not all there.
    private func place(_ message: RawSpan, at offset: Int) -> Range<Int>? {
        guard message.byteCount >= offset &+ 4 else { return nil }
        let count = Int(message.littleEndian(UInt16.self, at: offset &+ 2))
        guard count > 0 else { return 0..<0 }
        return message.place(Int(message.littleEndian(UInt16.self, at: offset)), count)
    }

    /// The share that the client wants ([MS-SMB2] §2.2.9).
    private func readTreeConnection(
        _ request: SMB2Request, _ message: RawSpan, _ output: ParserOutput
    ) {
        let transaction = begin(request, output)
        if let path = place(message, at: 68) {
            output.text.setName(
                message, path, isUnicode: true, byteCountMax: output.limits.fileNameByteCountMax)
            storeConnection(transaction, output.text)
        } else {
            reportMalformed(transaction, output)
        }
        wait(request, transaction, output)
    }

    /// The file that the client opens ([MS-SMB2] §2.2.13).
    private func readCreation(
        _ request: SMB2Request, _ message: RawSpan, _ output: ParserOutput
    ) {
        let transaction = begin(request, output)
        let kind = storeTree(request.sessionID, request.treeID, in: transaction)
        compound.open = nil
        compound.creation = transaction
        if let name = place(message, at: 108) {
            output.text.setName(
                message, name, isUnicode: true, byteCountMax: output.limits.fileNameByteCountMax)
            storeOpening(
                transaction, kind, disposition: message.littleEndian(at: 100),
                isDeletedOnClose: message.littleEndian(UInt32.self, at: 104) & 0x1000 != 0,
                output.text)
        } else {
            reportMalformed(transaction, output)
        }
        wait(request, transaction, kind: kind, output)
    }

    private func readClosing(
        _ request: SMB2Request, _ message: RawSpan, _ output: ParserOutput
    ) {
        let transaction = begin(request, output)
        wait(request, transaction, output)
        guard message.byteCount >= 88 else { return }
        let id = SMBFileID(decoding: message, at: 72)
        if id == .related, let creation = compound.creation {
            if let place = requestIndex(of: creation) { noteClosing(of: place) }
        } else if let index = id == .related ? opens.find(compound.open) : opens.find(id) {
            close(index, output)
        }
    }

    /// The file whose identifier stands at an offset.
    private func target(
        _ request: SMB2Request, _ message: RawSpan, at offset: Int, _ output: ParserOutput
    ) -> SMB2Target {
        guard message.byteCount >= offset &+ 16 else { return .unknown }
        let id = SMBFileID(decoding: message, at: offset)
        if id == .related {
            if let index = opens.find(compound.open) { return .open(index) }
            if let creation = compound.creation { return .creating(creation) }
            return .unknown
        }
        let index = findOpen(id, request.sessionID, request.treeID, output)
        compound.open = opens.reference(to: index)
        compound.creation = nil
        return .open(index)
    }

    /// Bytes that the client wants ([MS-SMB2] §2.2.19).
    private func readReading(
        _ request: SMB2Request, _ message: RawSpan, _ output: ParserOutput
    ) {
        switch target(request, message, at: 80, output) {
        case .open(let index):
            let reference = opens.reference(to: index)
            let isOfPipe = opens[index].kind == .pipe && opens[index].isRPC != false
            if isOfPipe || opens[index].isRPC == true {
                return wait(request, nil, open: reference, output)
            }
            guard let action = noteTransfer(index, isWrite: false) else { return }
            let transaction = begin(request, output)
            storeAction(action, on: index, in: transaction)
            wait(request, transaction, open: reference, output)
        case .creating(let creation):
            let transaction = begin(request, output)
            transaction.storeAction("SMB::FILE_READ", onFileOf: creation)
            wait(request, transaction, output)
        case .unknown: reportMalformed(nil, output)
        }
    }

    /// Bytes that the client sends ([MS-SMB2] §2.2.21).
    private func readWriting(
        _ request: SMB2Request, _ message: RawSpan, _ output: ParserOutput
    ) {
        switch target(request, message, at: 80, output) {
        case .open(let index):
            guard let data = data(message, request.byteCount, offsetAt: 66, countAt: 68) else {
                return reportMalformed(nil, output)
            }
            if takeCalls(message, data, index, .toServer, output) { return }
            guard let action = noteTransfer(index, isWrite: true) else { return }
            let transaction = begin(request, output)
            storeAction(action, on: index, in: transaction)
            wait(request, transaction, output)
        case .creating(let creation):
            let transaction = begin(request, output)
            transaction.storeAction("SMB::FILE_WRITE", onFileOf: creation)
            wait(request, transaction, output)
        case .unknown: reportMalformed(nil, output)
        }
    }

    /// The place of data whose offset (two bytes) and length (four bytes) stand at offsets; cut to
    /// the message, of which some bytes may not be there.
    private func data(
        _ message: RawSpan, _ byteCount: Int, offsetAt: Int, countAt: Int
    ) -> Range<Int>? {
        guard message.byteCount >= max(offsetAt &+ 2, countAt &+ 4) else { return nil }
        let start = Int(message.littleEndian(UInt16.self, at: offsetAt))
        let count = Int(message.littleEndian(UInt32.self, at: countAt))
        guard count == 0 || start >= SMB2Header.byteCount && start < byteCount else { return nil }
        return count == 0 ? 0..<0 : start..<min(byteCount, start &+ count)
    }

    /// A control code with data ([MS-SMB2] §2.2.31).
    private func readControl(
        _ request: SMB2Request, _ message: RawSpan, _ output: ParserOutput
    ) {
        guard message.byteCount >= 96 else {
            let transaction = begin(request, output)
            reportMalformed(transaction, output)
            return wait(request, transaction, output)
        }
        let code = message.littleEndian(UInt32.self, at: 68)
        if code == SMBNames.pipeTransceive,
            case .open(let index) = target(request, message, at: 72, output),
            let data = controlData(message, request.byteCount, at: 88),
            takeCalls(message, data, index, .toServer, output)
        {
            return wait(request, nil, open: opens.reference(to: index), output)
        }
        let transaction = begin(request, output)
        storeTree(request.sessionID, request.treeID, in: transaction)
        output.text.removeAll()
        output.text.append(controlCode: code)
        transaction.set(.function, output.text)
        wait(request, transaction, output)
    }

    /// The place of data whose offset and length (four bytes each) stand at an offset.
    private func controlData(_ message: RawSpan, _ byteCount: Int, at offset: Int) -> Range<Int>? {
        guard message.byteCount >= offset &+ 8 else { return nil }
        let start = Int(message.littleEndian(UInt32.self, at: offset))
        let count = Int(message.littleEndian(UInt32.self, at: offset &+ 4))
        guard start >= SMB2Header.byteCount, start <= byteCount else { return nil }
        return start..<min(byteCount, start &+ count)
    }

    /// A file is renamed, deleted, or gets other times and attributes ([MS-SMB2] §2.2.39; [MS-FSCC]
    /// §2.4). Other settings are no transaction.
    private func readSetting(
        _ request: SMB2Request, _ message: RawSpan, _ output: ParserOutput
    ) {
        guard message.byteCount >= 96, message.byte(at: 66) == 1 else { return }
        let start = Int(message.littleEndian(UInt16.self, at: 72))
        let count = Int(message.littleEndian(UInt32.self, at: 68))
        let target = target(request, message, at: 80, output)
        guard let data = message.place(start, count) else { return reportMalformed(nil, output) }
        switch message.byte(at: 67) {
        case 4: set("SMB::FILE_SET_ATTRIBUTE", target, request, output)
        // FileRenameInformation: 20 bytes, then a name.
        case 10 where data.count >= 20:
            let length = Int(message.littleEndian(UInt32.self, at: start &+ 16))
            guard length <= data.count &- 20 else { return reportMalformed(nil, output) }
            let name = start &+ 20..<start &+ 20 &+ length
            let transaction = begin(request, output)
            store("SMB::FILE_RENAME", target, in: transaction)
            output.text.setName(
                message, name, isUnicode: true, byteCountMax: output.limits.fileNameByteCountMax)
            storeRenaming(transaction, output.text)
            var reference: SMBOpens.Reference?
            if case .open(let index) = target { reference = opens.reference(to: index) }
            wait(request, transaction, open: reference, isRename: true, output)
        // FileDispositionInformation, FileDispositionInformationEx: to be deleted, or not.
        case 13 where data.count >= 1 && message.byte(at: start) != 0,
            64 where data.count >= 4 && message.byte(at: start) & 1 != 0:
            set("SMB::FILE_DELETE", target, request, output)
        default: break
        }
    }

    private func set(
        _ action: StaticString, _ target: SMB2Target, _ request: SMB2Request,
        _ output: ParserOutput
    ) {
        let transaction = begin(request, output)
        store(action, target, in: transaction)
        wait(request, transaction, output)
    }

    private func store(
        _ action: StaticString, _ target: SMB2Target, in transaction: Transaction
    ) {
        switch target {
        case .open(let index): storeAction(action, on: index, in: transaction)
        case .creating(let creation): transaction.storeAction(action, onFileOf: creation)
        case .unknown: transaction.set(.action, action)
        }
    }

    // MARK: Responses

    private func readResponse(
        _ header: SMB2Header, _ message: RawSpan, _ byteCount: Int, _ output: ParserOutput
    ) {
        // The request is being worked on; another response follows.
        if header.isAsynchronous, header.status == SMBNames.statusPending { return }
        guard let place = requestPlace(header) else { return }
        let request = takeRequest(at: place)
        let isSuccess = header.status == 0
        switch request.command {
        case _ where !request.isVersion2: readNegotiationAnswer(request, header, message, output)
        case SMB2Header.Command.negotiate:
            readNegotiationAnswer(request, header, message, output)
        case SMB2Header.Command.treeConnect where isSuccess:
            readTreeAnswer(request, header, message, output)
        case SMB2Header.Command.create where isSuccess:
            readCreationAnswer(request, message, output)
        case SMB2Header.Command.read:
            readPipeAnswer(
                request, message,
                data(message, byteCount, offsetByteAt: 66, countAt: 68), output)
        case SMB2Header.Command.control where message.byteCount >= 112:
            readPipeAnswer(
                request, message, controlData(message, byteCount, at: 96), output)
        case SMB2Header.Command.setInfo where isSuccess && request.isRename: rename(request)
        default: break
        }
        request.transaction?.setStatus(header.status, output.text)
        end(request.transaction, output)
    }

    /// The request that a response belongs to. The first negotiation may be one of SMB 1
    /// ([MS-SMB2] §3.3.5.3.1).
    private func requestPlace(_ header: SMB2Header) -> Int? {
        if let place = requestIndex(header.messageID, header.command, isVersion2: true) {
            return place
        }
        guard header.command == SMB2Header.Command.negotiate, header.messageID == 0 else {
            return nil
        }
        return negotiationIndex
    }

    private func readNegotiationAnswer(
        _ request: SMBRequest, _ header: SMB2Header, _ message: RawSpan, _ output: ParserOutput
    ) {
        guard header.status == 0, message.byteCount >= 88 else { return }
        let text = output.text
        text.removeAll()
        text.append(dialect2: message.littleEndian(at: 68))
        noteDialect(text.bytes)
        request.transaction?.set(.dialect, text)
        text.append(DCERPCUUID(decoding: message, at: 72, isLittleEndian: true))
        request.transaction?.set(.serverGUID, text)
    }

    private func readTreeAnswer(
        _ request: SMBRequest, _ header: SMB2Header, _ message: RawSpan, _ output: ParserOutput
    ) {
        guard message.byteCount >= 68, let transaction = request.transaction else { return }
        let kind = SMBShareKind(version2: message.byte(at: 66))
        connect(transaction, header.sessionID, header.treeID, kind, output)
    }

    private func readCreationAnswer(
        _ request: SMBRequest, _ message: RawSpan, _ output: ParserOutput
    ) {
        guard message.byteCount >= 144, let transaction = request.transaction else { return }
        transaction.set(
            .size, Int64(truncatingIfNeeded: message.littleEndian(UInt64.self, at: 112)))
        output.text.removeAll()
        output.text.append(DCERPCUUID(decoding: message, at: 128, isLittleEndian: true))
        transaction.set(.fileID, output.text)
        if !request.isClosed {
            open(SMBFileID(decoding: message, at: 128), transaction, request.kind, output)
        }
    }

    /// Bytes that come out of a pipe.
    private func readPipeAnswer(
        _ request: SMBRequest, _ message: RawSpan, _ data: Range<Int>?, _ output: ParserOutput
    ) {
        guard let data, !data.isEmpty, let index = opens.find(request.open) else { return }
        _ = takeCalls(message, data, index, .toClient, output)
    }

    /// The place of data whose offset (one byte) and length (four bytes) stand at offsets.
    private func data(
        _ message: RawSpan, _ byteCount: Int, offsetByteAt: Int, countAt: Int
    ) -> Range<Int>? {
        guard message.byteCount >= countAt &+ 4 else { return nil }
        let start = Int(message.byte(at: offsetByteAt))
        let count = Int(message.littleEndian(UInt32.self, at: countAt))
        guard start >= SMB2Header.byteCount, start <= byteCount else { return nil }
        return start..<min(byteCount, start &+ count)
    }
}

extension Transaction {
    /// Stores what is done to the file that another request opens.
    fileprivate func storeAction(_ action: StaticString, onFileOf creation: Transaction) {
        set(.action, action)
        for field in [SMBField.filename, .path] {
            if let bytes = creation.fields.bytes(of: field.rawValue) { set(field, bytes) }
        }
    }
}
