/// A message between a client and its key distribution centre as far as rules ask for it (RFC 4120
/// §5.4 and §5.9.1); ranges count in its bytes.
struct KerberosMessage {
    /// Message types (RFC 4120 §7.5.7); each is also the number of the message's outer tag.
    enum Kind: UInt8 {
        case asRequest = 10, asReply, tgsRequest, tgsReply
        case error = 30

        /// The kind of an outer tag: of class application, constructed; nil for other messages.
        init?(tag: UInt8) {
            guard tag & 0xe0 == 0x60 else { return nil }
            self.init(rawValue: tag & 0x1f)
        }

        var isRequest: Bool { self == .asRequest || self == .tgsRequest }

        /// Whether a message of this kind can be the answer to a request.
        func answers(_ request: Kind) -> Bool {
            switch self {
            case .asReply: request == .asRequest
            case .tgsReply: request == .tgsRequest
            case .error: true
            case .asRequest, .tgsRequest: false
            }
        }
    }

    let kind: Kind
    /// The contents of lists of strings: the parts of the names.
    private(set) var clientName: Range<Int>?
    private(set) var serviceName: Range<Int>?
    private(set) var clientRealm: Range<Int>?
    private(set) var serviceRealm: Range<Int>?
    // Of requests.
    private(set) var options: UInt32?
    /// Seconds since 1970 UTC.
    private(set) var from: Int64?
    private(set) var till: Int64?
    private(set) var nonce: Int64?
    /// The contents of lists: algorithms as integers, pre-authentication data.
    private(set) var encryptions: Range<Int>?
    private(set) var preauthentication: Range<Int>?
    // Of replies.
    private(set) var ticketEncryption: Int64?
    private(set) var encryption: Int64?
    // Of errors.
    private(set) var errorCode: Int64?
    private(set) var errorText: Range<Int>?

    init(_ kind: Kind) { self.kind = kind }

    /// Decodes a message; what was decoded before a flaw stays.
    ///
    /// - Throws: `X509Error`, which says nothing more than that it is not in order.
    mutating func decode(_ bytes: RawSpan) throws(X509Error) {
        var outer = DERReader(0..<bytes.byteCount)
        var parts = try KerberosSequence(outer.next(bytes).content, bytes)
        while let part = try parts.next(bytes) {
            switch kind {
            case .asRequest, .tgsRequest: try decodeRequest(part, bytes)
            case .asReply, .tgsReply: try decodeReply(part, bytes)
            case .error: try decodeError(part, bytes)
            }
        }
    }

    // MARK: Parts

    private typealias Part = KerberosSequence.Part

    /// KDC-REQ (RFC 4120 §5.4.1).
    private mutating func decodeRequest(_ part: Part, _ bytes: RawSpan) throws(X509Error) {
        switch part.number {
        case 3: preauthentication = try part.sequence(bytes)
        case 4:
            var body = try KerberosSequence(part.content, bytes)
            while let part = try body.next(bytes) { try decodeBody(part, bytes) }
        default: break
        }
    }

    /// KDC-REQ-BODY (RFC 4120 §5.4.1). The realm is the server's, and in requests for a first
    /// ticket the client's too.
    private mutating func decodeBody(_ part: Part, _ bytes: RawSpan) throws(X509Error) {
        switch part.number {
        case 0: options = try part.bits(bytes)
        case 1: clientName = try part.name(bytes)
        case 2:
            serviceRealm = try part.string(bytes)
            if kind == .asRequest { clientRealm = serviceRealm }
        case 3: serviceName = try part.name(bytes)
        case 4: from = try part.time(bytes)
        case 5: till = try part.time(bytes)
        case 7: nonce = try part.integer(bytes)
        case 8: encryptions = try part.sequence(bytes)
        default: break
        }
    }

    /// KDC-REP (RFC 4120 §5.4.2).
    private mutating func decodeReply(_ part: Part, _ bytes: RawSpan) throws(X509Error) {
        switch part.number {
        case 3: clientRealm = try part.string(bytes)
        case 4: clientName = try part.name(bytes)
        case 5:
            var outer = DERReader(part.content)
            let content = try outer.next(bytes, tag: 0x61, or: .der).content
            var ticket = try KerberosSequence(content, bytes)
            while let part = try ticket.next(bytes) { try decodeTicket(part, bytes) }
        case 6: encryption = try part.encryption(bytes)
        default: break
        }
    }

    /// Ticket (RFC 4120 §5.3).
    private mutating func decodeTicket(_ part: Part, _ bytes: RawSpan) throws(X509Error) {
        switch part.number {
        case 1: serviceRealm = try part.string(bytes)
        case 2: serviceName = try part.name(bytes)
        case 3: ticketEncryption = try part.encryption(bytes)
        default: break
        }
    }

    /// KRB-ERROR (RFC 4120 §5.9.1).
    private mutating func decodeError(_ part: Part, _ bytes: RawSpan) throws(X509Error) {
        switch part.number {
        case 6: errorCode = try part.integer(bytes)
        case 7: clientRealm = try part.string(bytes)
        case 8: clientName = try part.name(bytes)
        case 9: serviceRealm = try part.string(bytes)
        case 10: serviceName = try part.name(bytes)
        case 11: errorText = try part.string(bytes)
        default: break
        }
    }
}

/// Reads a SEQUENCE whose parts have numbers: `[0]`, `[1]` and so on.
struct KerberosSequence {
    /// Parts that a sequence may have: more than any message defines.
    static let partCountMax = 32

    struct Part {
        var number: UInt8
        /// The one element in it.
        var content: Range<Int>
    }

    private var reader: DERReader
    private var count = 0

    /// Reads the sequence that is the first element of a range.
    init(_ range: Range<Int>, _ bytes: RawSpan) throws(X509Error) {
        var outer = DERReader(range)
        reader = DERReader(try outer.next(bytes, tag: 0x30, or: .der).content)
    }

    mutating func next(_ bytes: RawSpan) throws(X509Error) -> Part? {
        guard !reader.isAtEnd else { return nil }
        count &+= 1
        let element = try reader.next(bytes)
        guard element.tag & 0xe0 == 0xa0, count <= Self.partCountMax else { throw .der }
        return Part(number: element.tag & 0x1f, content: element.content)
    }
}

extension KerberosSequence.Part {
    private func element(_ tag: UInt8, _ bytes: RawSpan) throws(X509Error) -> Range<Int> {
        var reader = DERReader(content)
        return try reader.next(bytes, tag: tag, or: .der).content
    }

    /// The content of a SEQUENCE or SEQUENCE OF.
    func sequence(_ bytes: RawSpan) throws(X509Error) -> Range<Int> { try element(0x30, bytes) }

    /// The content of a KerberosString (RFC 4120 §5.2.1).
    func string(_ bytes: RawSpan) throws(X509Error) -> Range<Int> { try element(0x1b, bytes) }

    func integer(_ bytes: RawSpan) throws(X509Error) -> Int64 {
        try DERReader.integer(element(0x02, bytes), bytes)
    }

    /// KerberosTime (RFC 4120 §5.2.3) in seconds since 1970 UTC.
    func time(_ bytes: RawSpan) throws(X509Error) -> Int64 {
        var reader = DERReader(content)
        return try X509Certificate.time(reader.next(bytes), bytes)
    }

    /// KerberosFlags (RFC 4120 §5.2.8), of which the first 32 bits; the first one is the highest.
    func bits(_ bytes: RawSpan) throws(X509Error) -> UInt32 {
        let range = try element(0x03, bytes)
        guard range.count >= 5 else { throw .length }
        return bytes.bigEndian(at: range.lowerBound &+ 1)
    }

    /// The parts of a PrincipalName (RFC 4120 §5.2.2): the content of a list of strings.
    func name(_ bytes: RawSpan) throws(X509Error) -> Range<Int> {
        var parts = try KerberosSequence(content, bytes)
        while let part = try parts.next(bytes) {
            if part.number == 1 { return try part.sequence(bytes) }
        }
        throw .name
    }

    /// The algorithm of an EncryptedData (RFC 4120 §5.2.9).
    func encryption(_ bytes: RawSpan) throws(X509Error) -> Int64 {
        var parts = try KerberosSequence(content, bytes)
        while let part = try parts.next(bytes) {
            if part.number == 0 { return try part.integer(bytes) }
        }
        throw .der
    }
}

extension DERReader {
    /// The value of an INTEGER's content, which may have a sign.
    ///
    /// - Throws: `X509Error.length` if it is empty or longer than eight bytes.
    static func integer(_ content: Range<Int>, _ bytes: RawSpan) throws(X509Error) -> Int64 {
        guard (1...8).contains(content.count) else { throw .length }
        var value: Int64 = bytes.byte(at: content.lowerBound) & 0x80 == 0 ? 0 : -1
        for index in content { value = value << 8 | Int64(bytes.byte(at: index)) }
        return value
    }
}
