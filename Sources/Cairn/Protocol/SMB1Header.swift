/// The header of SMB 1 messages ([MS-CIFS] §2.2.3.1).
///
///      0               8              16              24            31  bit
///     +---------------+---------------+---------------+---------------+
///     |     0xff      |      'S'      |      'M'      |      'B'      |
///     +---------------+---------------+---------------+---------------+
///     |    command    |                     status                    :
///     +---------------+---------------+-------------------------------+
///     :               |     flags     |            flags 2            |
///     +---------------+---------------+-------------------------------+
///     |   process identifier, high    |                               :
///     +-------------------------------+                               :
///     :                           signature                           :
///     :                               +-------------------------------+
///     :                               |           reserved            |
///     +-------------------------------+-------------------------------+
///     |        tree identifier        |    process identifier, low    |
///     +-------------------------------+-------------------------------+
///     |        user identifier        |     multiplex identifier      |
///     +-------------------------------+-------------------------------+
struct SMB1Header: Equatable, Sendable {
    static let byteCount = 32

    let command: UInt8
    let status: UInt32
    let isResponse: Bool
    let isUnicode: Bool
    /// The status is one of [MS-ERREF], not an error class and code of DOS.
    let hasNTStatus: Bool
    let treeID: UInt16
    let userID: UInt16
    /// Multiplex and process identifiers: what pairs request and response.
    let key: UInt64

    /// Reads the header at the start of `bytes`, whose first four bytes are those of SMB 1; nil if
    /// it is not all there.
    init?(decoding bytes: RawSpan) {
        guard bytes.byteCount >= Self.byteCount else { return nil }
        command = bytes.byte(at: 4)
        status = bytes.littleEndian(at: 5)
        isResponse = bytes.byte(at: 9) & 0x80 != 0
        let flags = bytes.littleEndian(UInt16.self, at: 10)
        isUnicode = flags & 0x8000 != 0
        hasNTStatus = flags & 0x4000 != 0
        treeID = bytes.littleEndian(at: 24)
        userID = bytes.littleEndian(at: 28)
        key =
            UInt64(bytes.littleEndian(UInt16.self, at: 12)) << 32
            | UInt64(bytes.littleEndian(UInt16.self, at: 26)) << 16
            | UInt64(bytes.littleEndian(UInt16.self, at: 30))
    }

    /// Commands that are looked at more closely ([MS-CIFS] §2.2.2.1).
    enum Command {
        static let createDirectory: UInt16 = 0x00
        static let deleteDirectory: UInt16 = 0x01
        static let open: UInt16 = 0x02
        static let create: UInt16 = 0x03
        static let close: UInt16 = 0x04
        static let delete: UInt16 = 0x06
        static let rename: UInt16 = 0x07
        static let createNew: UInt16 = 0x0f
        static let locking: UInt16 = 0x24
        static let transaction: UInt16 = 0x25
        static let transactionSecondary: UInt16 = 0x26
        static let openAndX: UInt16 = 0x2d
        static let readAndX: UInt16 = 0x2e
        static let writeAndX: UInt16 = 0x2f
        static let transaction2: UInt16 = 0x32
        static let transaction2Secondary: UInt16 = 0x33
        static let treeConnect: UInt16 = 0x70
        static let treeDisconnect: UInt16 = 0x71
        static let negotiate: UInt16 = 0x72
        static let sessionSetup: UInt16 = 0x73
        static let logoff: UInt16 = 0x74
        static let treeConnectAndX: UInt16 = 0x75
        static let ntTransaction: UInt16 = 0xa0
        static let ntTransactionSecondary: UInt16 = 0xa1
        static let ntCreate: UInt16 = 0xa2
        static let ntCancel: UInt16 = 0xa4
        static let ntRename: UInt16 = 0xa5
    }
}

/// One command of a message: parameters in words, then bytes ([MS-CIFS] §2.2.3.2). A message can
/// have several, one after the other (`AndX`, §2.2.3.4).
struct SMB1Block {
    /// Commands of a message that are looked at.
    static let countMax = 8

    let header: SMB1Header
    let command: UInt16
    /// Where the parameters stand, and the bytes; both lie within what is there of the message.
    let words: Range<Int>
    let bytes: Range<Int>
    /// Bytes of the message, of which some may not be there.
    let messageByteCount: Int

    /// Reads the block at an offset; nil if its parameters are not all there.
    init?(
        decoding message: RawSpan, at offset: Int, _ header: SMB1Header, command: UInt16,
        messageByteCount: Int
    ) {
        guard offset < message.byteCount else { return nil }
        let wordsEnd = offset &+ 1 &+ 2 &* Int(message.byte(at: offset))
        guard wordsEnd <= message.byteCount else { return nil }
        self.header = header
        self.command = command
        self.messageByteCount = messageByteCount
        words = offset &+ 1..<wordsEnd
        guard wordsEnd &+ 2 <= message.byteCount else {
            bytes = message.byteCount..<message.byteCount
            return
        }
        let count = Int(message.littleEndian(UInt16.self, at: wordsEnd))
        bytes = wordsEnd &+ 2..<min(message.byteCount, wordsEnd &+ 2 &+ count)
    }

    /// The number of two bytes at an offset of the parameters, 0 if there is none.
    func uint16(_ message: RawSpan, _ offset: Int) -> UInt16 {
        offset &+ 2 <= words.count ? message.littleEndian(at: words.lowerBound &+ offset) : 0
    }

    /// The number of four bytes at an offset of the parameters, 0 if there is none.
    func uint32(_ message: RawSpan, _ offset: Int) -> UInt32 {
        offset &+ 4 <= words.count ? message.littleEndian(at: words.lowerBound &+ offset) : 0
    }

    /// The place of a text in the bytes that ends with a zero; UTF-16LE begins at an even offset.
    func text(_ message: RawSpan, at offset: inout Int, isUnicode: Bool) -> Range<Int> {
        if isUnicode, offset & 1 != 0 { offset &+= 1 }
        return message.text(at: &offset, isUnicode: isUnicode, end: bytes.upperBound)
    }

    /// The place of bytes whose count and offset stand in the parameters; cut to the message, of
    /// which some may not be there. Nil if they begin outside.
    func data(_ offset: Int, _ count: Int) -> Range<Int>? {
        guard count > 0 else { return 0..<0 }
        guard offset >= SMB1Header.byteCount, offset < messageByteCount else { return nil }
        return offset..<min(messageByteCount, offset &+ count)
    }

    /// Whether another command may follow in the message.
    private var isChained: Bool {
        switch command {
        case SMB1Header.Command.locking, SMB1Header.Command.openAndX, SMB1Header.Command.readAndX,
            SMB1Header.Command.writeAndX, SMB1Header.Command.sessionSetup,
            SMB1Header.Command.logoff, SMB1Header.Command.treeConnectAndX,
            SMB1Header.Command.ntCreate:
            true
        default: false
        }
    }

    /// The command that follows in the message, and its place.
    func next(_ message: RawSpan) -> (command: UInt16, offset: Int)? {
        guard isChained, words.count >= 4 else { return nil }
        let command = message.byte(at: words.lowerBound)
        guard command != 0xff else { return nil }
        return (UInt16(command), Int(uint16(message, 2)))
    }
}
