/// The parameters of transactions: subcommands with parameters and data of their own, which may be
/// sent in parts ([MS-CIFS] §2.2.4.33, .34, .46, .62).
private struct SMB1TransactionLayout {
    /// Offsets in the parameters of: bytes of all data, bytes of the transaction's parameters here
    /// and where they stand, bytes of data here and where they stand, the subcommand. The numbers
    /// have two bytes, in NT transactions four.
    let total: Int
    let parameters: Int
    let data: Int
    let function: Int?
    let isWide: Bool

    static func request(_ command: UInt16) -> SMB1TransactionLayout {
        switch command {
        case SMB1Header.Command.ntTransaction:
            SMB1TransactionLayout(
                total: 7, parameters: 19, data: 27, function: 36, isWide: true)
        case SMB1Header.Command.transactionSecondary:
            SMB1TransactionLayout(
                total: 2, parameters: 4, data: 10, function: nil, isWide: false)
        default:
            SMB1TransactionLayout(
                total: 2, parameters: 18, data: 22, function: 28, isWide: false)
        }
    }

    /// A number at an offset.
    func number(_ offset: Int, _ block: SMB1Block, _ message: RawSpan) -> Int {
        isWide ? Int(block.uint32(message, offset)) : Int(block.uint16(message, offset))
    }

    /// The place of bytes whose count stands at an offset, and their own offset behind it.
    func place(_ offset: Int, _ block: SMB1Block, _ message: RawSpan) -> Range<Int>? {
        block.data(
            number(offset &+ (isWide ? 4 : 2), block, message), number(offset, block, message))
    }
}

extension SMBParser {
    /// Reads a transaction's request, or a further part of it.
    func readTransaction(_ block: SMB1Block, _ message: RawSpan, _ output: ParserOutput) {
        let layout = SMB1TransactionLayout.request(block.command)
        guard let data = layout.place(layout.data, block, message),
            let parameters = layout.place(layout.parameters, block, message)
        else { return report(.malformedData, .toServer, nil, output) }
        if block.command == SMB1Header.Command.transactionSecondary {
            return readFurtherPart(block, message, data, output)
        }
        let isPart = layout.number(layout.total, block, message) > data.count
        let function = layout.function.map { block.uint16(message, $0) } ?? 0
        switch block.command {
        case SMB1Header.Command.transaction:
            readPipeTransaction(function, block, message, data, isPart, output)
        case SMB1Header.Command.transaction2:
            readTransaction2(function, block, message, parameters, data, isPart, output)
        default:
            let transaction = begin(block, output)
            storeTree(0, UInt32(block.header.treeID), in: transaction)
            if let name = SMBNames.transactionNT(function) { transaction.set(.function, name) }
            wait(block, transaction, isPart: isPart, output)
        }
    }

    // MARK: Pipes

    /// A write to a pipe and the read of its answer in one ([MS-CIFS] §2.2.5.6); other functions on
    /// pipes.
    private func readPipeTransaction(
        _ function: UInt16, _ block: SMB1Block, _ message: RawSpan, _ data: Range<Int>,
        _ isPart: Bool, _ output: ParserOutput
    ) {
        let isCall = function == 0x26 || function == 0x37 || function == 0x36
        if isCall, block.words.count >= 32 {
            let index = open(block, message, at: 30, output)
            let isOfCalls = takeCalls(message, data, index, .toServer, output)
            if isOfCalls || opens[index].isRPC == true {
                return wait(
                    block, nil, open: opens.reference(to: index), isPart: isPart, output)
            }
        }
        let transaction = begin(block, output)
        storeTree(0, UInt32(block.header.treeID), in: transaction)
        if block.words.count >= 30, let name = SMBNames.transaction(function) {
            transaction.set(.function, name)
        }
        wait(block, transaction, isPart: isPart, output)
    }

    /// More of what goes into a pipe.
    private func readFurtherPart(
        _ block: SMB1Block, _ message: RawSpan, _ data: Range<Int>, _ output: ParserOutput
    ) {
        let first = requestIndex(
            block.header.key, SMB1Header.Command.transaction, isVersion2: false)
        guard let first, let index = opens.find(request(at: first).open) else { return }
        _ = takeCalls(message, data, index, .toServer, output)
    }

    /// What comes out of a pipe ([MS-CIFS] §2.2.4.33.2).
    ///
    /// - Returns: whether more of the response follows.
    func readTransactionAnswer(
        _ place: Int, _ block: SMB1Block, _ message: RawSpan, _ output: ParserOutput
    ) -> Bool {
        guard block.command == SMB1Header.Command.transaction, block.words.count >= 20,
            let index = opens.find(request(at: place).open)
        else { return false }
        let count = Int(block.uint16(message, 12))
        guard count > 0, let data = block.data(Int(block.uint16(message, 14)), count) else {
            return false
        }
        _ = takeCalls(message, data, index, .toClient, output)
        return Int(block.uint16(message, 16)) &+ count < Int(block.uint16(message, 2))
    }

    // MARK: Files

    /// A subcommand on files. Questions about files and folders are no transaction here.
    private func readTransaction2(
        _ function: UInt16, _ block: SMB1Block, _ message: RawSpan, _ parameters: Range<Int>,
        _ data: Range<Int>, _ isPart: Bool, _ output: ParserOutput
    ) {
        switch function {
        // FIND_FIRST2, FIND_NEXT2, QUERY_FS_INFORMATION, QUERY_PATH_INFORMATION,
        // QUERY_FILE_INFORMATION
        case 1, 2, 3, 5, 7: return
        default: break
        }
        let transaction = begin(block, output)
        storeTree(0, UInt32(block.header.treeID), in: transaction)
        if let name = SMBNames.transaction2(function) { transaction.set(.function, name) }
        let kept = parameters.clamped(to: 0..<message.byteCount)
        var open: SMBOpens.Reference?
        var isRename = false
        switch function {
        case 0 where kept.count > 28:
            setName(block, message, kept.lowerBound &+ 28..<kept.upperBound, output)
            transaction.set(.filename, output.text)
            transaction.set(.action, "SMB::FILE_OPEN")
        case 6 where kept.count > 6:
            setName(block, message, kept.lowerBound &+ 6..<kept.upperBound, output)
            transaction.set(.filename, output.text)
            let level = message.littleEndian(UInt16.self, at: kept.lowerBound)
            isRename = storeSetting(level, block, message, data, transaction, output)
        case 8 where kept.count >= 4:
            let number = message.littleEndian(UInt16.self, at: kept.lowerBound)
            let level = message.littleEndian(UInt16.self, at: kept.lowerBound &+ 2)
            let index = findOpen(
                SMBFileID(version1: number), 0, UInt32(block.header.treeID), output)
            open = opens.reference(to: index)
            opens[index].name.withUnsafeBytes {
                if !$0.isEmpty { transaction.set(.filename, $0) }
            }
            isRename = storeSetting(level, block, message, data, transaction, output)
        case 13 where kept.count > 4:
            setName(block, message, kept.lowerBound &+ 4..<kept.upperBound, output)
            transaction.set(.filename, output.text)
        default: break
        }
        wait(block, transaction, open: open, isRename: isRename, isPart: isPart, output)
    }

    /// Makes the text that of a name, up to its zero.
    private func setName(
        _ block: SMB1Block, _ message: RawSpan, _ range: Range<Int>, _ output: ParserOutput
    ) {
        var offset = range.lowerBound
        let isUnicode = block.header.isUnicode
        let name = message.text(at: &offset, isUnicode: isUnicode, end: range.upperBound)
        output.text.setName(
            message, name, isUnicode: isUnicode, byteCountMax: output.limits.fileNameByteCountMax)
    }

    /// A file is renamed, deleted, or gets other times and attributes ([MS-CIFS] §2.2.8.4; with
    /// 1,000 added to them, the classes of [MS-FSCC] §2.4).
    ///
    /// - Returns: whether it is renamed.
    private func storeSetting(
        _ level: UInt16, _ block: SMB1Block, _ message: RawSpan, _ data: Range<Int>,
        _ transaction: Transaction, _ output: ParserOutput
    ) -> Bool {
        let kept = data.clamped(to: 0..<message.byteCount)
        let first: UInt8 = kept.isEmpty ? 0 : message.byte(at: kept.lowerBound)
        switch level {
        case 0x102 where first != 0, 1013 where first != 0:
            transaction.set(.action, "SMB::FILE_DELETE")
        case 0x101, 1004: transaction.set(.action, "SMB::FILE_SET_ATTRIBUTE")
        // FileRenameInformation as SMB 1 has it: 12 bytes, then a name.
        case 1010 where kept.count >= 12:
            let length = Int(message.littleEndian(UInt32.self, at: kept.lowerBound &+ 8))
            guard length <= kept.count &- 12 else {
                report(.malformedData, .toServer, transaction, output)
                return false
            }
            let name = kept.lowerBound &+ 12..<kept.lowerBound &+ 12 &+ length
            output.text.setName(
                message, name, isUnicode: block.header.isUnicode,
                byteCountMax: output.limits.fileNameByteCountMax)
            transaction.set(.action, "SMB::FILE_RENAME")
            storeRenaming(transaction, output.text)
            return true
        default: break
        }
        return false
    }
}
