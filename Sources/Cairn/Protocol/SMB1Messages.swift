extension SMBParser {
    /// Reads a message of SMB 1, of which the first bytes are there.
    func readVersion1(
        _ message: RawSpan, _ byteCount: Int, _ direction: Direction, _ output: ParserOutput
    ) {
        guard let header = SMB1Header(decoding: message) else {
            return report(.malformedData, direction, nil, output)
        }
        // A server may say on its own that a lock is broken ([MS-CIFS] §3.3.4.2).
        guard header.isResponse == (direction == .toClient) else {
            if header.isResponse { return report(.responseToServer, direction, nil, output) }
            if header.command == SMB1Header.Command.locking { return }
            return report(.requestToClient, direction, nil, output)
        }
        var command = UInt16(header.command)
        var offset = SMB1Header.byteCount
        for _ in 0..<SMB1Block.countMax {
            guard
                let block = SMB1Block(
                    decoding: message, at: offset, header, command: command,
                    messageByteCount: byteCount)
            else { return report(.malformedData, direction, nil, output) }
            if direction == .toServer {
                readRequest(block, message, output)
            } else {
                readResponse(block, message, output)
            }
            guard let next = block.next(message) else { return }
            // Each must lie behind the one before, or there would be no end.
            guard next.offset > offset else {
                return report(.malformedData, direction, nil, output)
            }
            command = next.command
            offset = next.offset
        }
    }

    // MARK: Requests

    private func readRequest(_ block: SMB1Block, _ message: RawSpan, _ output: ParserOutput) {
        switch block.command {
        case SMB1Header.Command.negotiate: readNegotiation(block, message, output)
        case SMB1Header.Command.sessionSetup: readSessionSetup(block, message, output)
        case SMB1Header.Command.treeConnectAndX: readTreeConnectionAndX(block, message, output)
        case SMB1Header.Command.treeConnect: readTreeConnection(block, message, output)
        case SMB1Header.Command.treeDisconnect:
            wait(block, begin(block, output), output)
            disconnect(0, UInt32(block.header.treeID))
        case SMB1Header.Command.ntCreate, SMB1Header.Command.openAndX, SMB1Header.Command.open,
            SMB1Header.Command.create, SMB1Header.Command.createNew:
            readOpening(block, message, output)
        case SMB1Header.Command.close: readClosing(block, message, output)
        case SMB1Header.Command.delete, SMB1Header.Command.deleteDirectory,
            SMB1Header.Command.createDirectory:
            readNamed(block, message, output)
        case SMB1Header.Command.rename, SMB1Header.Command.ntRename:
            readRenaming(block, message, output)
        case SMB1Header.Command.readAndX: readReading(block, message, output)
        case SMB1Header.Command.writeAndX: readWriting(block, message, output)
        case SMB1Header.Command.transaction, SMB1Header.Command.transactionSecondary,
            SMB1Header.Command.transaction2, SMB1Header.Command.ntTransaction:
            readTransaction(block, message, output)
        // These have no responses of their own.
        case SMB1Header.Command.transaction2Secondary,
            SMB1Header.Command.ntTransactionSecondary, SMB1Header.Command.ntCancel:
            break
        default: wait(block, begin(block, output), output)
        }
    }

    func begin(_ block: SMB1Block, _ output: ParserOutput) -> Transaction {
        begin(
            SMBNames.command1(UInt8(truncatingIfNeeded: block.command)), version: 1,
            sessionID: UInt64(block.header.userID), treeID: UInt32(block.header.treeID), output)
    }

    func wait(
        _ block: SMB1Block, _ transaction: Transaction?, open: SMBOpens.Reference? = nil,
        kind: SMBShareKind = .unknown, isRename: Bool = false, isPart: Bool = false,
        _ output: ParserOutput
    ) {
        wait(
            SMBRequest(
                key: block.header.key, command: block.command, isVersion2: false,
                transaction: transaction, open: open, kind: kind, isRename: isRename, isPart: isPart
            ), output)
    }

    /// The dialects that the client offers: each a 2 and a text ([MS-CIFS] §2.2.4.52.1).
    private func readNegotiation(
        _ block: SMB1Block, _ message: RawSpan, _ output: ParserOutput
    ) {
        let transaction = begin(block, output)
        noteNegotiation(version: 1, transaction, output)
        var offset = block.bytes.lowerBound
        var count = 0
        while offset < block.bytes.upperBound, count < 64 {
            guard message.byte(at: offset) == 2 else {
                report(.negotiateMalformedDialects, .toServer, transaction, output)
                break
            }
            offset &+= 1
            let text = block.text(message, at: &offset, isUnicode: false)
            transaction.set(.clientDialects, message, text, isUnicode: false, output)
            count &+= 1
        }
        wait(block, transaction, output)
    }

    /// Who logs in: a security blob ([MS-SMB] §2.2.4.6.1), or passwords with a name ([MS-CIFS]
    /// §2.2.4.53.1); then what the client is.
    private func readSessionSetup(
        _ block: SMB1Block, _ message: RawSpan, _ output: ParserOutput
    ) {
        let transaction = begin(block, output)
        let isUnicode = block.header.isUnicode
        var offset = block.bytes.lowerBound
        switch block.words.count {
        case 24:
            let count = Int(block.uint16(message, 14))
            let end = min(block.bytes.upperBound, offset &+ count)
            if let anomaly = transaction.storeLogin(message.extracting(offset..<end), output) {
                report(anomaly, .toServer, transaction, output)
            }
            offset = end
        case 26:
            offset &+= Int(block.uint16(message, 14)) &+ Int(block.uint16(message, 16))
            for field in [SMBField.user, .domain] {
                let text = block.text(message, at: &offset, isUnicode: isUnicode)
                transaction.set(field, message, text, isUnicode: isUnicode, output)
            }
        default: return wait(block, transaction, output)
        }
        for field in [SMBField.requestNativeSystem, .requestNativeManager] {
            let text = block.text(message, at: &offset, isUnicode: isUnicode)
            if !text.isEmpty {
                transaction.set(field, message, text, isUnicode: isUnicode, output)
            }
        }
        wait(block, transaction, output)
    }

    /// The share that the client wants: a password, its path, what it should be for ([MS-CIFS]
    /// §2.2.4.55.1).
    private func readTreeConnectionAndX(
        _ block: SMB1Block, _ message: RawSpan, _ output: ParserOutput
    ) {
        var offset = block.bytes.lowerBound &+ Int(block.uint16(message, 6))
        let path = block.text(message, at: &offset, isUnicode: block.header.isUnicode)
        let service = block.text(message, at: &offset, isUnicode: false)
        storeConnection(block, message, path, block.header.isUnicode, service, output)
    }

    /// The same in the first form: three texts, each with a 4 in front ([MS-CIFS] §2.2.4.50.1).
    private func readTreeConnection(
        _ block: SMB1Block, _ message: RawSpan, _ output: ParserOutput
    ) {
        var offset = block.bytes.lowerBound &+ 1
        let path = block.text(message, at: &offset, isUnicode: false)
        offset &+= 1
        _ = block.text(message, at: &offset, isUnicode: false)
        offset &+= 1
        let service = block.text(message, at: &offset, isUnicode: false)
        storeConnection(block, message, path, false, service, output)
    }

    private func storeConnection(
        _ block: SMB1Block, _ message: RawSpan, _ path: Range<Int>, _ isUnicode: Bool,
        _ service: Range<Int>, _ output: ParserOutput
    ) {
        let transaction = begin(block, output)
        transaction.set(.requestService, message, service, isUnicode: false, output)
        output.text.setName(
            message, path, isUnicode: isUnicode, byteCountMax: output.limits.fileNameByteCountMax)
        storeConnection(transaction, output.text)
        wait(block, transaction, output)
    }

    // MARK: Files

    /// The file that the client opens, in five forms ([MS-CIFS] §2.2.4.3.1, .4.1, .16.1, .41.1,
    /// .64.1).
    private func readOpening(_ block: SMB1Block, _ message: RawSpan, _ output: ParserOutput) {
        let transaction = begin(block, output)
        let kind = storeTree(0, UInt32(block.header.treeID), in: transaction)
        var offset = block.bytes.lowerBound
        var isDeletedOnClose = false
        var disposition = UInt32.max
        switch block.command {
        case SMB1Header.Command.ntCreate:
            disposition = block.uint32(message, 35)
            isDeletedOnClose = block.uint32(message, 39) & 0x1000 != 0
        case SMB1Header.Command.openAndX: break
        default: offset &+= 1
        }
        storeName(block, message, at: &offset, output)
        storeOpening(
            transaction, kind, disposition: disposition, isDeletedOnClose: isDeletedOnClose,
            output.text)
        wait(block, transaction, kind: kind, output)
    }

    /// Makes the text that of a name in the bytes.
    private func storeName(
        _ block: SMB1Block, _ message: RawSpan, at offset: inout Int, _ output: ParserOutput
    ) {
        let isUnicode = block.header.isUnicode
        let name = block.text(message, at: &offset, isUnicode: isUnicode)
        output.text.setName(
            message, name, isUnicode: isUnicode, byteCountMax: output.limits.fileNameByteCountMax)
    }

    private func readClosing(_ block: SMB1Block, _ message: RawSpan, _ output: ParserOutput) {
        wait(block, begin(block, output), output)
        guard block.words.count >= 2 else { return }
        if let index = opens.find(SMBFileID(version1: block.uint16(message, 0))) {
            close(index, output)
        }
    }

    /// A file or folder that is made or deleted by its name.
    private func readNamed(_ block: SMB1Block, _ message: RawSpan, _ output: ParserOutput) {
        let transaction = begin(block, output)
        storeTree(0, UInt32(block.header.treeID), in: transaction)
        var offset = block.bytes.lowerBound &+ 1
        storeName(block, message, at: &offset, output)
        transaction.set(.filename, output.text)
        if block.command != SMB1Header.Command.createDirectory {
            transaction.set(.action, "SMB::FILE_DELETE")
        }
        wait(block, transaction, output)
    }

    /// Two names, each with a 4 in front.
    private func readRenaming(_ block: SMB1Block, _ message: RawSpan, _ output: ParserOutput) {
        let transaction = begin(block, output)
        storeTree(0, UInt32(block.header.treeID), in: transaction)
        transaction.set(.action, "SMB::FILE_RENAME")
        var offset = block.bytes.lowerBound &+ 1
        storeName(block, message, at: &offset, output)
        transaction.set(.filename, output.text)
        offset &+= 1
        storeName(block, message, at: &offset, output)
        storeRenaming(transaction, output.text)
        wait(block, transaction, output)
    }

    /// The open file whose number stands at an offset of the parameters.
    func open(
        _ block: SMB1Block, _ message: RawSpan, at offset: Int, _ output: ParserOutput
    ) -> Int {
        findOpen(
            SMBFileID(version1: block.uint16(message, offset)), 0, UInt32(block.header.treeID),
            output)
    }

    /// Bytes that the client wants ([MS-CIFS] §2.2.4.42.1).
    private func readReading(_ block: SMB1Block, _ message: RawSpan, _ output: ParserOutput) {
        guard block.words.count >= 20 else {
            return report(.malformedData, .toServer, nil, output)
        }
        let index = open(block, message, at: 4, output)
        let reference = opens.reference(to: index)
        let isOfPipe = opens[index].kind == .pipe && opens[index].isRPC != false
        if isOfPipe || opens[index].isRPC == true {
            return wait(block, nil, open: reference, output)
        }
        guard let action = noteTransfer(index, isWrite: false) else { return }
        let transaction = begin(block, output)
        storeAction(action, on: index, in: transaction)
        wait(block, transaction, open: reference, output)
    }

    /// Bytes that the client sends ([MS-CIFS] §2.2.4.43.1).
    private func readWriting(_ block: SMB1Block, _ message: RawSpan, _ output: ParserOutput) {
        guard block.words.count >= 24 else {
            return report(.malformedData, .toServer, nil, output)
        }
        let index = open(block, message, at: 4, output)
        let count = Int(block.uint16(message, 18)) << 16 | Int(block.uint16(message, 20))
        guard let data = block.data(Int(block.uint16(message, 22)), count) else {
            return report(.malformedData, .toServer, nil, output)
        }
        // In message mode the first write has the length of the message in front ([MS-CIFS]
        // §3.2.4.15.4).
        let isMessageStart = block.uint16(message, 14) & 0x0c == 0x0c
        let calls =
            isMessageStart ? min(data.upperBound, data.lowerBound &+ 2)..<data.upperBound : data
        if takeCalls(message, calls, index, .toServer, output) { return }
        guard let action = noteTransfer(index, isWrite: true) else { return }
        let transaction = begin(block, output)
        storeAction(action, on: index, in: transaction)
        wait(block, transaction, output)
    }

    // MARK: Responses

    private func readResponse(_ block: SMB1Block, _ message: RawSpan, _ output: ParserOutput) {
        guard let place = requestIndex(block.header.key, block.command, isVersion2: false) else {
            return
        }
        let isSuccess = block.header.status == 0
        if request(at: place).isPart, isSuccess, block.words.isEmpty {
            return noteInterimResponse(to: place)
        }
        if isSuccess, readTransactionAnswer(place, block, message, output) { return }
        let request = takeRequest(at: place)
        switch block.command {
        case SMB1Header.Command.negotiate where isSuccess:
            readNegotiationAnswer(request, block, message, output)
        // Another round of the login counts as success here.
        case SMB1Header.Command.sessionSetup:
            readSessionAnswer(request, block, message, output)
        case SMB1Header.Command.treeConnectAndX where isSuccess,
            SMB1Header.Command.treeConnect where isSuccess:
            readTreeAnswer(request, block, message, output)
        case SMB1Header.Command.ntCreate where isSuccess,
            SMB1Header.Command.openAndX where isSuccess, SMB1Header.Command.open where isSuccess,
            SMB1Header.Command.create where isSuccess,
            SMB1Header.Command.createNew where isSuccess:
            readOpeningAnswer(request, block, message, output)
        case SMB1Header.Command.readAndX: readReadingAnswer(request, block, message, output)
        case SMB1Header.Command.transaction2 where isSuccess && request.isRename: rename(request)
        default: break
        }
        if let transaction = request.transaction {
            setStatus(block.header, transaction, output.text)
        }
        end(request.transaction, output)
    }

    private func setStatus(
        _ header: SMB1Header, _ transaction: Transaction, _ text: TextBuffer
    ) {
        guard !header.hasNTStatus, header.status != 0 else {
            return transaction.setStatus(header.status, text)
        }
        // An error class, a reserved byte, a code ([MS-CIFS] §2.2.2.4).
        let kind: StaticString
        switch header.status & 0xff {
        case 1: kind = "ERRDOS_"
        case 2: kind = "ERRSRV_"
        case 3: kind = "ERRHRD_"
        default: kind = "ERR_"
        }
        text.removeAll()
        text.append(kind)
        text.appendDecimal(header.status >> 16)
        transaction.set(.status, text)
        transaction.setStatusCode(header.status, text)
    }

    private func readNegotiationAnswer(
        _ request: SMBRequest, _ block: SMB1Block, _ message: RawSpan, _ output: ParserOutput
    ) {
        guard let transaction = request.transaction, block.words.count >= 2 else { return }
        var remaining = block.uint16(message, 0)
        var value = transaction.fields.first(of: SMBField.clientDialects.rawValue)
        while remaining > 0, let current = value {
            value = transaction.fields.next(
                after: current, of: SMBField.clientDialects.rawValue)
            remaining &-= 1
        }
        if let value {
            noteDialect(transaction.fields.bytes(value))
            transaction.fields.append(sharing: value, to: SMBField.dialect.rawValue)
        }
        // With extended security the bytes begin with the server's identifier ([MS-SMB]
        // §2.2.4.5.2.1).
        let hasGUID = block.uint32(message, 19) & 0x8000_0000 != 0 && block.bytes.count >= 16
        guard block.words.count >= 34, hasGUID else { return }
        output.text.removeAll()
        output.text.append(
            DCERPCUUID(decoding: message, at: block.bytes.lowerBound, isLittleEndian: true))
        transaction.set(.serverGUID, output.text)
    }

    private func readSessionAnswer(
        _ request: SMBRequest, _ block: SMB1Block, _ message: RawSpan, _ output: ParserOutput
    ) {
        guard let transaction = request.transaction, block.words.count >= 6 else { return }
        var offset = block.bytes.lowerBound
        if block.words.count >= 8 { offset &+= Int(block.uint16(message, 6)) }
        let isUnicode = block.header.isUnicode
        for field in [SMBField.responseNativeSystem, .responseNativeManager] {
            let text = block.text(message, at: &offset, isUnicode: isUnicode)
            if !text.isEmpty {
                transaction.set(field, message, text, isUnicode: isUnicode, output)
            }
        }
    }

    private func readTreeAnswer(
        _ request: SMBRequest, _ block: SMB1Block, _ message: RawSpan, _ output: ParserOutput
    ) {
        guard let transaction = request.transaction, block.words.count >= 4 else { return }
        guard block.command == SMB1Header.Command.treeConnectAndX else {
            return connect(
                transaction, 0, UInt32(block.uint16(message, 2)), .unknown, output)
        }
        var offset = block.bytes.lowerBound
        let service = block.text(message, at: &offset, isUnicode: false)
        transaction.set(.responseService, message, service, isUnicode: false, output)
        let kind = message.extracting(service).withUnsafeBytes { SMBShareKind(service: $0) }
        connect(transaction, 0, UInt32(block.header.treeID), kind, output)
    }

    private func readOpeningAnswer(
        _ request: SMBRequest, _ block: SMB1Block, _ message: RawSpan, _ output: ParserOutput
    ) {
        let offset: Int
        switch block.command {
        case SMB1Header.Command.ntCreate: offset = 5
        case SMB1Header.Command.openAndX: offset = 4
        default: offset = 0
        }
        guard let transaction = request.transaction, block.words.count >= offset &+ 2 else {
            return
        }
        let number = block.uint16(message, offset)
        output.text.removeAll()
        output.text.append("0x")
        output.text.appendHex(number)
        transaction.set(.fileID, output.text)
        if block.command == SMB1Header.Command.ntCreate, block.words.count >= 63 {
            let high = Int64(block.uint32(message, 59))
            transaction.set(.size, high << 32 | Int64(block.uint32(message, 55)))
        }
        open(SMBFileID(version1: number), transaction, request.kind, output)
    }

    /// Bytes that come out of a pipe ([MS-CIFS] §2.2.4.42.2).
    private func readReadingAnswer(
        _ request: SMBRequest, _ block: SMB1Block, _ message: RawSpan, _ output: ParserOutput
    ) {
        guard block.words.count >= 24, let index = opens.find(request.open) else { return }
        let count = Int(block.uint32(message, 14)) << 16 | Int(block.uint16(message, 10))
        guard let data = block.data(Int(block.uint16(message, 12)), count) else { return }
        _ = takeCalls(message, data, index, .toClient, output)
    }
}
