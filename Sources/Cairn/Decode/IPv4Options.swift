/// The options of an IPv4 header (RFC 791 §3.1), as a set of those present and of what is wrong
/// with them.
struct IPv4Options: Equatable, Sendable {
    /// Options by the names that rules use (`ipopts`).
    struct Kinds: OptionSet, Sendable {
        let rawValue: UInt16

        static let end = Kinds(rawValue: 1)
        static let noOperation = Kinds(rawValue: 2)
        static let recordRoute = Kinds(rawValue: 4)
        static let timestamp = Kinds(rawValue: 8)
        static let security = Kinds(rawValue: 16)
        static let extendedSecurity = Kinds(rawValue: 32)
        static let commercialSecurity = Kinds(rawValue: 64)
        static let looseSourceRoute = Kinds(rawValue: 128)
        static let strictSourceRoute = Kinds(rawValue: 256)
        static let streamID = Kinds(rawValue: 512)
        static let routerAlert = Kinds(rawValue: 1024)
        /// Any number that is not among the others.
        static let unknown = Kinds(rawValue: 2048)
    }

    private(set) var kinds: Kinds = []
    private(set) var anomalies = DecodeAnomalySet()

    /// Walks the options, which fill `bytes`, up to the first that hides where the next begins.
    ///
    /// Every option takes a byte at least, so the header's 40 bytes bound the loop.
    init(decoding bytes: RawSpan) {
        // Suricata wants them to fill words of eight bytes.
        if bytes.byteCount % 8 != 0 { anomalies.insert(.ipv4OptionPadRequired) }
        var offset = 0
        while offset < bytes.byteCount {
            let type = bytes.byte(at: offset)
            if type == 0 {
                kinds.insert(.end)
                return
            }
            if type == 1 {
                kinds.insert(.noOperation)
                offset &+= 1
                continue
            }
            let available = bytes.byteCount &- offset
            guard available >= 2 else {
                // One byte is left that can only be an end of list.
                anomalies.insert(.ipv4OptionEndRequired)
                return
            }
            let length = Int(bytes.byte(at: offset &+ 1))
            guard length >= 2, length <= available else {
                anomalies.insert(.ipv4OptionInvalidLength)
                return
            }
            check(type, bytes.extracting(offset..<offset &+ length))
            offset &+= length
        }
    }

    private mutating func check(_ type: UInt8, _ option: RawSpan) {
        let length = option.byteCount
        let kind: Kinds
        var lengthIsValid = true
        switch type {
        case 7:
            kind = .recordRoute
            lengthIsValid = checkRoute(option)
        case 68:
            kind = .timestamp
            lengthIsValid = checkTimestamp(option)
        case 130:
            (kind, lengthIsValid) = (.security, length >= 3)
        case 131:
            kind = .looseSourceRoute
            lengthIsValid = checkRoute(option)
        case 133: (kind, lengthIsValid) = (.extendedSecurity, length >= 3)
        case 134: (kind, lengthIsValid) = (.commercialSecurity, length >= 6)
        case 136: (kind, lengthIsValid) = (.streamID, length == 4)
        case 137:
            kind = .strictSourceRoute
            lengthIsValid = checkRoute(option)
        case 148: (kind, lengthIsValid) = (.routerAlert, length == 4)
        default:
            kind = .unknown
            anomalies.insert(.ipv4OptionUnknown)
        }
        if !lengthIsValid { anomalies.insert(.ipv4OptionInvalidLength) }
        if kind != .unknown, kinds.contains(kind) { anomalies.insert(.ipv4OptionDuplicate) }
        kinds.insert(kind)
        if kinds.isSuperset(of: [.looseSourceRoute, .strictSourceRoute]) {
            anomalies.insert(.ipv4OptionInvalid)
        }
    }

    /// Routes hold a pointer and addresses; the pointer counts from 1 and is 4 at least.
    private mutating func checkRoute(_ option: RawSpan) -> Bool {
        guard option.byteCount >= 3, (option.byteCount &- 3) % 4 == 0 else { return false }
        let pointer = Int(option.byte(at: 2))
        if pointer < 4 || pointer % 4 != 0 || pointer > option.byteCount &+ 1 {
            anomalies.insert(.ipv4OptionMalformed)
        }
        return true
    }

    /// Timestamps hold a pointer of 5 at least, and flags 0, 1 or 3 (times alone, with addresses,
    /// at given addresses).
    private mutating func checkTimestamp(_ option: RawSpan) -> Bool {
        guard option.byteCount >= 4 else { return false }
        let pointer = Int(option.byte(at: 2))
        let flags = option.byte(at: 3) & 0x0f
        if pointer < 5 || pointer > option.byteCount &+ 1 || flags == 2 || flags > 3 {
            anomalies.insert(.ipv4OptionMalformed)
        }
        return true
    }
}

extension Packet {
    /// The options of the IPv4 header; none if there is no such header.
    var ipv4Options: IPv4Options {
        let start = Int(ipOffset) &+ IPv4Header.byteCountMin
        guard ipVersion == 4, start < bytes.count else {
            return IPv4Options(decoding: UnsafeRawBufferPointer(start: nil, count: 0).bytes)
        }
        let end = Int(ipOffset) &+ Int(bytes[Int(ipOffset)] & 0x0f) &* 4
        return IPv4Options(
            decoding: bytes.bytes.extracting(start..<min(max(start, end), bytes.count)))
    }
}
