/// A ClientHello or ServerHello without its message header (RFC 8446 §4.1.2 and §4.1.3): ranges in
/// the message, each within its bytes. Lists that the message lacks are empty.
struct TLSHello {
    /// Entries of one list that are looked at.
    static let listCountMax = 1024

    let isClient: Bool
    /// The version field: never above TLS 1.2.
    var legacyVersion: UInt16 = 0
    var random = 0..<0
    var sessionID = 0..<0
    /// Cipher suites of two bytes; the server has one.
    var ciphers = 0..<0
    /// Extensions as they stand: type, length, data.
    var extensions = 0..<0

    // Contents of extensions, if they are well formed.
    var serverName: Range<Int>?
    /// Named groups of two bytes, point formats of one, signature algorithms of two.
    var groups = 0..<0
    var pointFormats = 0..<0
    var signatureAlgorithms = 0..<0
    /// Protocol names, each behind its length byte.
    var applicationProtocols = 0..<0
    var hasServerNameExtension = false
    var hasApplicationProtocolExtension = false
    var hasPreSharedKey = false

    /// What is wrong with it, if anything; what was read before stays.
    var flaw: TLS.Anomaly?

    /// The version that counts: the highest in the extension if there is one (RFC 8446 §4.2.1).
    private(set) var version: UInt16 = 0

    /// Reads a hello; what is cut short is left out and noted as its flaw.
    init(decoding message: RawSpan, isClient: Bool) {
        self.isClient = isClient
        var reader = TLSReader(0..<message.byteCount)
        let version = reader.number16(message)
        // Servers of drafts of TLS 1.3 had neither session nor compression.
        let isDraft = !isClient && (version ?? 0) >> 8 == 0x7f
        guard let version, let random = reader.bytes(32),
            let sessionID = isDraft ? 0..<0 : reader.vector8(message),
            let ciphers = isClient ? reader.vector16(message) : reader.bytes(2),
            isDraft || (isClient ? reader.vector8(message) : reader.bytes(1)) != nil
        else {
            flaw = .invalidHandshakeMessage
            return
        }
        legacyVersion = version
        self.version = version
        self.random = random
        self.sessionID = sessionID
        self.ciphers = ciphers.evenCount
        guard !reader.isAtEnd else { return }
        guard let extensions = reader.vector16(message) else {
            flaw = .invalidHandshakeMessage
            return
        }
        readExtensions(extensions, message)
    }

    /// A ServerHello that asks the client to say hello once more (RFC 8446 §4.1.4): known by its
    /// random.
    func isRetryRequest(_ message: RawSpan) -> Bool {
        guard !isClient, random.count == 32 else { return false }
        return message.bigEndian(UInt64.self, at: random.lowerBound) == 0xcf21_ad74_e59a_6111
            && message.bigEndian(UInt64.self, at: random.lowerBound &+ 8) == 0xbe1d_8c02_1e65_b891
    }

    private mutating func readExtensions(_ range: Range<Int>, _ message: RawSpan) {
        var reader = TLSReader(range)
        var count = 0
        while !reader.isAtEnd, count < Self.listCountMax {
            count &+= 1
            guard let type = reader.number16(message), let data = reader.vector16(message) else {
                flaw = .invalidHandshakeMessage
                return
            }
            extensions = range.lowerBound..<reader.position
            readExtension(type, TLSReader(data), message)
        }
    }

    private mutating func readExtension(
        _ type: UInt16, _ reader: TLSReader, _ message: RawSpan
    ) {
        var reader = reader
        switch type {
        case 0 where isClient: readServerName(reader, message)
        case 10: groups = reader.vector16(message)?.evenCount ?? groups
        case 11: pointFormats = reader.vector8(message) ?? pointFormats
        case 13: signatureAlgorithms = reader.vector16(message)?.evenCount ?? signatureAlgorithms
        case 16:
            hasApplicationProtocolExtension = true
            applicationProtocols = reader.vector16(message) ?? applicationProtocols
        case 41: hasPreSharedKey = true
        case 43:
            let offers = isClient ? reader.vector8(message) : reader.bytes(2)
            version = offers.flatMap { highestVersion($0.evenCount, message) } ?? version
        default: break
        }
    }

    private func highestVersion(_ range: Range<Int>, _ message: RawSpan) -> UInt16? {
        var highest: UInt16?
        for index in stride(from: range.lowerBound, to: range.upperBound, by: 2) {
            let offer = message.bigEndian(UInt16.self, at: index)
            if !TLSNumbers.isGrease(offer) { highest = max(highest ?? 0, offer) }
        }
        return highest
    }

    /// The server name extension (RFC 6066 §3): a list, of which one host name counts.
    private mutating func readServerName(_ reader: TLSReader, _ message: RawSpan) {
        if hasServerNameExtension {
            flaw = .multipleSNIExtensions
            return
        }
        hasServerNameExtension = true
        var reader = reader
        // Servers and middle boxes send it empty.
        guard !reader.isAtEnd, let list = reader.vector16(message), !list.isEmpty else { return }
        var entries = TLSReader(list)
        guard let type = entries.number8(message), type == 0 else {
            flaw = .invalidSNIType
            return
        }
        guard let name = entries.vector16(message) else {
            flaw = .invalidSNILength
            return
        }
        serverName = name
    }
}

/// Reads the vectors of TLS (RFC 8446 §3.4): a length, then so many bytes.
struct TLSReader {
    private(set) var position: Int
    private let end: Int

    init(_ range: Range<Int>) {
        position = range.lowerBound
        end = range.upperBound
    }

    var isAtEnd: Bool { position >= end }

    mutating func bytes(_ count: Int) -> Range<Int>? {
        guard count >= 0, end &- position >= count else { return nil }
        defer { position &+= count }
        return position..<position &+ count
    }

    mutating func number8(_ message: RawSpan) -> UInt8? {
        bytes(1).map { message.byte(at: $0.lowerBound) }
    }

    mutating func number16(_ message: RawSpan) -> UInt16? {
        bytes(2).map { message.bigEndian(at: $0.lowerBound) }
    }

    mutating func vector8(_ message: RawSpan) -> Range<Int>? {
        number8(message).flatMap { bytes(Int($0)) }
    }

    mutating func vector16(_ message: RawSpan) -> Range<Int>? {
        number16(message).flatMap { bytes(Int($0)) }
    }

    mutating func vector24(_ message: RawSpan) -> Range<Int>? {
        bytes(3).flatMap { bytes(Int(message.bigEndian24(at: $0.lowerBound))) }
    }
}

extension Range<Int> {
    /// The range without a last odd byte.
    fileprivate var evenCount: Range<Int> { lowerBound..<upperBound &- count & 1 }
}
