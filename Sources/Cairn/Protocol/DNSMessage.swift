/// The twelve bytes that begin a DNS message (RFC 1035 §4.1.1).
///
///      0  1        5  6  7  8  9    12       15  bit
///     +--+----------+--+--+--+--+-----+---------+
///     |                   ID                    |
///     |QR|  opcode  |AA|TC|RD|RA|Z AD CD| rcode |
///     |   questions, answers, authority,        |
///     |   additional records: counts            |
///     +--+----------+--+--+--+--+-----+---------+
struct DNSHeader: Equatable, Sendable {
    static let byteCount = 12

    var id: UInt16
    var flags: UInt16
    var questionCount: UInt16
    var answerCount: UInt16
    var authorityCount: UInt16
    var additionalCount: UInt16

    var isResponse: Bool { flags & 0x8000 != 0 }
    var opcode: UInt8 { UInt8(truncatingIfNeeded: flags >> 11 & 15) }
    var isZSet: Bool { flags & 0x40 != 0 }

    /// Whether a message of this size can hold what the header announces: a question has at least
    /// five bytes, a record eleven. If it may be cut short, two for each are enough.
    func fits(messageByteCount: Int, mayBeCut: Bool) -> Bool {
        let records = Int(answerCount) &+ Int(authorityCount) &+ Int(additionalCount)
        let questions = Int(questionCount)
        let needed = mayBeCut ? 2 &* (questions &+ records) : 5 &* questions &+ 11 &* records
        return Self.byteCount &+ needed <= messageByteCount
    }

    /// Whether this looks like what resolvers and servers say every day: enough to tell DNS from
    /// other protocols.
    var isOrdinary: Bool {
        guard [0, 4, 5].contains(opcode), !isZSet, questionCount >= 1 else { return false }
        if isResponse { return flags & 15 <= 11 }
        let isPlain = flags & 0x8f == 0 && answerCount == 0 && authorityCount <= 1
        return isPlain && additionalCount <= 2 || opcode != 0 && flags & 0x0f == 0
    }
}

extension DNSHeader {
    /// Decodes the header at the start of a message; nil if fewer than twelve bytes are present.
    init?(decoding message: RawSpan) {
        guard message.byteCount >= Self.byteCount else { return nil }
        id = message.bigEndian(at: 0)
        flags = message.bigEndian(at: 2)
        questionCount = message.bigEndian(at: 4)
        answerCount = message.bigEndian(at: 6)
        authorityCount = message.bigEndian(at: 8)
        additionalCount = message.bigEndian(at: 10)
    }
}

/// Reads one message into the fields of a transaction.
struct DNSMessageReader {
    /// Questions and records of one message that are read.
    static let recordCountMax = 1024
    /// Bytes that the values of one transaction may take.
    static let storedByteCountMax = 256 * 1024

    let header: DNSHeader
    let dialect: DNS.Dialect
    let transaction: Transaction
    let text: TextBuffer
    private(set) var flaws = DNSName.Flaws()
    private var recordCount = 0
    private var extendedResponseCode: UInt16 = 0

    init(
        header: DNSHeader, dialect: DNS.Dialect, transaction: Transaction, text: TextBuffer
    ) {
        self.header = header
        self.dialect = dialect
        self.transaction = transaction
        self.text = text
    }

    /// Stores everything that the message says.
    ///
    /// - Returns: what is wrong with it; what was read up to there is kept.
    mutating func read(_ message: RawSpan) -> DNS.Anomaly? {
        storeHeader()
        let anomaly = readSections(message)
        storeResponse()
        return anomaly
    }

    private mutating func readSections(_ message: RawSpan) -> DNS.Anomaly? {
        var position = DNSHeader.byteCount
        for _ in 0..<header.questionCount {
            guard take() else { return .tooManyRecords }
            guard readQuestion(message, at: &position) else { return .malformedData }
        }
        for _ in 0..<header.answerCount {
            guard take() else { return .tooManyRecords }
            guard readRecord(message, at: &position, .answer) else { return .malformedData }
        }
        for _ in 0..<header.authorityCount {
            guard take() else { return .tooManyRecords }
            guard readRecord(message, at: &position, .authority) else {
                return .invalidAuthorities
            }
        }
        for _ in 0..<header.additionalCount {
            guard take() else { return .tooManyRecords }
            guard readRecord(message, at: &position, .additional) else {
                return .invalidAdditionals
            }
        }
        return nil
    }

    /// Counts a question or record against the limits.
    private mutating func take() -> Bool {
        recordCount &+= 1
        return recordCount <= Self.recordCountMax
            && transaction.fields.storedByteCount < Self.storedByteCountMax
    }

    // MARK: Header

    private func set(_ field: DNSField, _ number: some BinaryInteger) {
        transaction.fields.clear(field.rawValue)
        transaction.fields.append(Int64(truncatingIfNeeded: number), to: field.rawValue)
    }

    private func setFlag(_ field: DNSField, _ mask: UInt16) {
        set(field, header.flags & mask != 0 ? 1 : 0)
    }

    /// Stores the text in the buffer as a field's only value, and empties the buffer.
    private func setText(_ field: DNSField) {
        transaction.fields.clear(field.rawValue)
        appendText(field)
        text.removeAll()
    }

    /// Adds the text in the buffer to a field's values.
    private func appendText(_ field: DNSField, from offset: Int = 0) {
        transaction.fields.append(text.bytes(from: offset), to: field.rawValue)
    }

    private func storeHeader() {
        text.removeAll()
        set(.id, header.id)
        set(.opcode, header.opcode)
        set(header.isResponse ? .responseOpcode : .requestOpcode, header.opcode)
        text.appendDNSOpcode(header.opcode)
        setText(.opcodeName)
        text.append(header.isResponse ? "answer" : "query")
        setText(.type)
        text.appendHex(header.flags)
        setText(.flags)
        setFlag(.qr, 0x8000)
        setFlag(.rd, 0x0100)
        set(.z, header.flags >> 4 & 7)
        setFlag(.ad, 0x0020)
        setFlag(.cd, 0x0010)
    }

    private func storeResponse() {
        guard header.isResponse else { return }
        let code = header.flags & 15 | extendedResponseCode << 4
        set(.rcode, code)
        text.removeAll()
        text.appendDNSResponseCode(code)
        setText(.rcodeName)
        setFlag(.aa, 0x0400)
        setFlag(.tc, 0x0200)
        setFlag(.ra, 0x0080)
        set(.answerCount, header.answerCount)
        let isEmpty =
            header.answerCount == 0 && header.authorityCount == 0 && header.additionalCount == 0
        set(.rejected, isEmpty ? 1 : 0)
    }

    // MARK: Questions

    private mutating func readQuestion(_ message: RawSpan, at position: inout Int) -> Bool {
        text.removeAll()
        guard let end = DNSName.read(message, at: position, into: text, flaws: &flaws),
            end &+ 4 <= message.byteCount
        else { return false }
        position = end &+ 4
        if header.isResponse { appendText(.responseNames) }
        let isRepetition =
            header.isResponse && transaction.fields.count(of: DNSField.query.rawValue) > 0
        guard !isRepetition else { return true }
        appendText(.queryNames)
        text.lowercase()
        if !header.isResponse { appendText(.query) }
        if transaction.fields.count(of: DNSField.rrname.rawValue) == 0 {
            storeQuestion(
                type: message.bigEndian(at: end), value: message.bigEndian(at: end &+ 2))
        }
        return true
    }

    /// Stores the first question, whose name is in the buffer.
    private func storeQuestion(type: UInt16, value: UInt16) {
        appendText(.rrname)
        set(.queryLength, text.count)
        let name = text.bytes
        appendText(.queryDomain, from: DNSName.registrableDomainOffset(name))
        let firstDot = name.firstIndex(of: UInt8(ascii: "."))
        appendText(.queryParent, from: firstDot.map { $0 + 1 } ?? text.count)
        text.removeAll()
        text.appendDNSType(type)
        setText(.rrtype)
        set(.rrtypeNumber, type)
        let plainClass = dialect == .mdns ? value & 0x7fff : value
        text.appendDNSClass(plainClass)
        setText(.rrclass)
        set(.rrclassNumber, plainClass)
    }

    // MARK: Records

    private enum Section { case answer, authority, additional }

    private mutating func readRecord(
        _ message: RawSpan, at position: inout Int, _ section: Section
    ) -> Bool {
        text.removeAll()
        guard let end = DNSName.read(message, at: position, into: text, flaws: &flaws),
            end &+ 10 <= message.byteCount
        else { return false }
        let record = DNSRecord(
            type: message.bigEndian(at: end), value: message.bigEndian(at: end &+ 2),
            timeToLive: message.bigEndian(at: end &+ 4), dataOffset: end &+ 10,
            dataByteCount: Int(message.bigEndian(UInt16.self, at: end &+ 8)))
        guard record.dataEnd <= message.byteCount else { return false }
        position = record.dataEnd
        if record.type == DNSRecord.optType, section == .additional {
            storeExtensions(record, message)
            return true
        }
        switch section {
        case .answer: appendText(.answerName)
        case .authority: appendText(.authorityNames)
        case .additional: appendText(.additionalNames)
        }
        if header.isResponse { appendText(.responseNames) }
        storeData(record, message, section)
        return true
    }

    private mutating func storeData(_ record: DNSRecord, _ message: RawSpan, _ section: Section) {
        text.removeAll()
        guard let hostName = record.write(message, into: text, flaws: &flaws) else {
            return storeAnswer(record, section)
        }
        if header.isResponse {
            transaction.fields.append(
                UnsafeRawBufferPointer(rebasing: text.bytes[hostName]),
                to: DNSField.responseNames.rawValue)
        }
        text.lowercase(hostName)
        storeAnswer(record, section)
    }

    /// Stores an answer whose data are in the buffer; all five lists stay equally long.
    private func storeAnswer(_ record: DNSRecord, _ section: Section) {
        guard section == .answer else { return }
        appendText(.answerData)
        text.removeAll()
        text.appendDNSType(record.type)
        appendText(.answerType)
        transaction.fields.append(Int64(record.type), to: DNSField.answerTypeNumber.rawValue)
        transaction.fields.append(
            Int64(record.timeToLive), to: DNSField.answerTTL.rawValue)
    }

    // MARK: Extensions

    /// Stores what an OPT pseudo-record says (RFC 6891 §6.1): its class is a size, its lifetime
    /// holds flags.
    private mutating func storeExtensions(_ record: DNSRecord, _ message: RawSpan) {
        extendedResponseCode = UInt16(truncatingIfNeeded: record.timeToLive >> 24)
        set(.ednsVersion, record.timeToLive >> 16 & 0xff)
        set(.ednsPayloadSize, record.value)
        set(.ednsDNSSECOK, record.timeToLive >> 15 & 1)
        var position = record.dataOffset
        // Every option has four bytes of header, so the record's size bounds the loop.
        while position &+ 4 <= record.dataEnd {
            let code = message.bigEndian(UInt16.self, at: position)
            let byteCount = Int(message.bigEndian(UInt16.self, at: position &+ 2))
            position &+= 4
            guard position &+ byteCount <= record.dataEnd else { return }
            if code == 8 {
                storeClientSubnet(message.extracting(position..<position &+ byteCount))
            }
            position &+= byteCount
        }
    }

    /// Stores the option of RFC 7871 §6: family, two prefix lengths, and as many address bytes as
    /// the first one needs.
    private func storeClientSubnet(_ option: RawSpan) {
        guard option.byteCount >= 4 else { return }
        let family = option.bigEndian(UInt16.self, at: 0)
        let addressByteCount = family == 1 ? 4 : 16
        guard family == 1 || family == 2, option.byteCount &- 4 <= addressByteCount else { return }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for index in 0..<addressByteCount {
            let byte = 4 &+ index < option.byteCount ? option.byte(at: 4 &+ index) : 0
            high = high << 8 | low >> 56
            low = low << 8 | UInt64(byte)
        }
        text.removeAll()
        if family == 1 {
            text.appendIPv4(UInt32(truncatingIfNeeded: low))
        } else {
            text.appendIPv6(high: high, low: low)
        }
        text.append(UInt8(ascii: "/"))
        text.appendDecimal(option.byte(at: 2))
        setText(.ednsClientSubnet)
    }
}
