/// Why bytes are no certificate that can be read.
enum X509Error: Error, Equatable {
    /// An element says that it is longer than what it stands in.
    case length
    /// No DER at all: an indefinite length, a tag of several bytes, more than 16 MB.
    case der
    /// A wrong kind of element in the outer structure.
    case certificate
    case version, serial, algorithmIdentifier, name, date, extensions
}

/// Reads DER (ITU-T X.690): elements of a tag, a length and a content, one behind the other.
struct DERReader {
    /// An element; offsets count in the bytes that are read.
    struct Element {
        var tag: UInt8
        /// Of its tag.
        var offset: Int
        var content: Range<Int>
    }

    private(set) var position: Int
    let end: Int

    /// Reads the elements in a range of the bytes.
    init(_ range: Range<Int>) {
        position = range.lowerBound
        end = range.upperBound
    }

    var isAtEnd: Bool { position >= end }

    /// The tag of the next element.
    func peek(_ bytes: RawSpan) -> UInt8? {
        position < end && position < bytes.byteCount ? bytes.byte(at: position) : nil
    }

    /// The next element, of whatever tag.
    ///
    /// - Throws: `X509Error.length` if it does not fit, `.der` if its tag or length has a form that
    ///   certificates do not use.
    mutating func next(_ bytes: RawSpan) throws(X509Error) -> Element {
        let limit = min(end, bytes.byteCount)
        guard limit &- position >= 2 else { throw .length }
        let start = position
        let tag = bytes.byte(at: start)
        guard tag & 0x1f != 0x1f else { throw .der }
        var length = Int(bytes.byte(at: start &+ 1))
        var content = start &+ 2
        if length >= 0x80 {
            let lengthByteCount = length & 0x7f
            guard (1...4).contains(lengthByteCount) else { throw .der }
            guard limit &- content >= lengthByteCount else { throw .length }
            length = 0
            for _ in 0..<lengthByteCount {
                length = length << 8 | Int(bytes.byte(at: content))
                content &+= 1
            }
            guard length < 1 << 24 else { throw .certificate }
        }
        guard limit &- content >= length else { throw .length }
        position = content &+ length
        return Element(tag: tag, offset: start, content: content..<position)
    }

    /// The next element, which must have a tag.
    ///
    /// - Throws: `error` if it has another one, else what `next` throws.
    mutating func next(_ bytes: RawSpan, tag: UInt8, or error: X509Error) throws(X509Error)
        -> Element
    {
        let element = try next(bytes)
        guard element.tag == tag else { throw error }
        return element
    }
}

/// An X.509 certificate as far as rules ask for it (RFC 5280 §4.1); ranges count in its bytes.
struct X509Certificate {
    var serial: Range<Int>
    /// The content of the names: relative distinguished names one behind the other.
    var issuer: Range<Int>
    var subject: Range<Int>
    /// Seconds since 1970 UTC.
    var notBefore: Int64
    var notAfter: Int64
    /// The content of the subject alternative names, if the certificate has that extension.
    var alternativeNames: Range<Int>?

    private static let sequence: UInt8 = 0x30
    private static let integer: UInt8 = 0x02
    /// Extensions that are looked at.
    private static let extensionCountMax = 100

    /// Decodes a certificate; the signature and what is behind it are not looked at.
    ///
    /// - Throws: `X509Error`, which names the part that is wrong.
    init(decoding bytes: RawSpan) throws(X509Error) {
        var outer = DERReader(0..<bytes.byteCount)
        let certificate = try outer.next(bytes, tag: Self.sequence, or: .certificate)
        var inner = DERReader(certificate.content)
        var reader = DERReader(
            try inner.next(bytes, tag: Self.sequence, or: .certificate).content)
        if reader.peek(bytes) == 0xa0 { try Self.checkVersion(reader.next(bytes), bytes) }
        serial = try reader.next(bytes, tag: Self.integer, or: .serial).content
        guard !serial.isEmpty else { throw .serial }
        _ = try reader.next(bytes, tag: Self.sequence, or: .algorithmIdentifier)
        issuer = try reader.next(bytes, tag: Self.sequence, or: .name).content
        var validity = DERReader(try reader.next(bytes, tag: Self.sequence, or: .date).content)
        notBefore = try Self.time(validity.next(bytes), bytes)
        notAfter = try Self.time(validity.next(bytes), bytes)
        subject = try reader.next(bytes, tag: Self.sequence, or: .name).content
        _ = try reader.next(bytes, tag: Self.sequence, or: .algorithmIdentifier)
        // Unique identifiers [1] and [2], then extensions [3].
        while let tag = reader.peek(bytes) {
            let element = try reader.next(bytes)
            guard tag == 0xa3 else { continue }
            alternativeNames = try Self.alternativeNames(in: element, bytes)
        }
    }

    private static func checkVersion(_ element: DERReader.Element, _ bytes: RawSpan)
        throws(X509Error)
    {
        var reader = DERReader(element.content)
        let version = try reader.next(bytes, tag: integer, or: .version)
        guard version.content.count == 1, bytes.byte(at: version.content.lowerBound) <= 2 else {
            throw .version
        }
    }

    private static func alternativeNames(in element: DERReader.Element, _ bytes: RawSpan)
        throws(X509Error) -> Range<Int>?
    {
        var outer = DERReader(element.content)
        var list = DERReader(try outer.next(bytes, tag: sequence, or: .extensions).content)
        var count = 0
        while !list.isAtEnd, count < extensionCountMax {
            count &+= 1
            var parts = DERReader(try list.next(bytes, tag: sequence, or: .extensions).content)
            let identifier = try parts.next(bytes, tag: 0x06, or: .extensions).content
            if parts.peek(bytes) == 0x01 { _ = try parts.next(bytes) }
            let value = try parts.next(bytes, tag: 0x04, or: .extensions).content
            // 2.5.29.17
            guard identifier.count == 3,
                bytes.bigEndian24(at: identifier.lowerBound) == 0x551d11
            else { continue }
            var names = DERReader(value)
            return try names.next(bytes, tag: sequence, or: .extensions).content
        }
        return nil
    }

    // MARK: Times

    /// UTCTime `YYMMDDhhmm[ss]Z` or GeneralizedTime `YYYYMMDDhhmm[ss]Z` (RFC 5280 §4.1.2.5) in
    /// seconds since 1970; a zone other than Z is not allowed there and ignored.
    static func time(_ element: DERReader.Element, _ bytes: RawSpan) throws(X509Error)
        -> Int64
    {
        let yearDigitCount = element.tag == 0x17 ? 2 : element.tag == 0x18 ? 4 : 0
        guard yearDigitCount > 0 else { throw .date }
        var position = element.content.lowerBound
        func number(_ digitCount: Int) throws(X509Error) -> Int {
            guard element.content.upperBound &- position >= digitCount else { throw .date }
            var value = 0
            for _ in 0..<digitCount {
                let digit = bytes.byte(at: position) &- 48
                guard digit < 10 else { throw .date }
                value = value &* 10 &+ Int(digit)
                position &+= 1
            }
            return value
        }
        var year = try number(yearDigitCount)
        if yearDigitCount == 2 { year &+= year < 50 ? 2000 : 1900 }
        let (month, day) = (try number(2), try number(2))
        let (hour, minute) = (try number(2), try number(2))
        var second = 0
        if position < element.content.upperBound, bytes.byte(at: position) &- 48 < 10 {
            second = try number(2)
        }
        guard (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61
        else { throw .date }
        return secondsSince1970(
            year: year, month: month, day: day) &+ Int64(hour &* 3600 &+ minute &* 60 &+ second)
    }

    /// Midnight of a date in the Gregorian calendar. A stamp in nanoseconds would end in 2262, and
    /// certificates like the year 9999.
    private static func secondsSince1970(year: Int, month: Int, day: Int) -> Int64 {
        let yearFromMarch = month <= 2 ? year &- 1 : year
        let monthFromMarch = month > 2 ? month &- 3 : month &+ 9
        let leapDays = yearFromMarch / 4 &- yearFromMarch / 100 &+ yearFromMarch / 400
        let dayOfYear = (153 &* monthFromMarch &+ 2) / 5 &+ day &- 1
        let days = yearFromMarch &* 365 &+ leapDays &+ dayOfYear &- 719_468
        return Int64(days) &* 86_400
    }
}
