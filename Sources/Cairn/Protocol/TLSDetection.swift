/// Recognises TLS by its first bytes.
enum TLSDetection {
    /// A handshake record that begins with a hello, an alert of the server, or an SSLv2
    /// ClientHello.
    static func detect(_ start: RawSpan, _ direction: Direction) -> Detection {
        guard start.byteCount >= 1 else { return .needMore }
        switch start.byte(at: 0) {
        case 22: return detectHello(start, direction)
        case 21: return direction == .toClient ? detectAlert(start) : .no
        case 0x80...: return detectVersion2(start, direction)
        default: return .no
        }
    }

    private static func detectHello(_ start: RawSpan, _ direction: Direction) -> Detection {
        guard hasRecordVersion(start) else { return .no }
        guard start.byteCount >= 6 else { return .needMore }
        let byteCount = Int(start.bigEndian(UInt16.self, at: 3))
        guard byteCount >= 4, byteCount <= TLSParser.recordByteCountMax else { return .no }
        let type = start.byte(at: 5)
        guard type == 1 || type == 2 else { return .no }
        return (type == 1) == (direction == .toServer) ? .yes : .yesReversed
    }

    /// Whether the bytes that are there of a record's version are those of SSL 3.0 or TLS.
    private static func hasRecordVersion(_ start: RawSpan) -> Bool {
        (start.byteCount < 2 || start.byte(at: 1) == 3)
            && (start.byteCount < 3 || start.byte(at: 2) <= 4)
    }

    /// An alert in clear: version, two bytes, a level of 1 or 2 and a known description.
    private static func detectAlert(_ start: RawSpan) -> Detection {
        guard hasRecordVersion(start) else { return .no }
        guard start.byteCount >= 7 else { return .needMore }
        let isAlert =
            start.bigEndian(UInt16.self, at: 3) == 2 && (1...2).contains(start.byte(at: 5))
            && TLSNumbers.alertName(start.byte(at: 6)) != nil
        return isAlert ? .yes : .no
    }

    /// An SSLv2 ClientHello: a length of two bytes with the top bit set, type 1, a version, and
    /// cipher specifications of three bytes each.
    private static func detectVersion2(_ start: RawSpan, _ direction: Direction) -> Detection {
        if start.byteCount >= 3, start.byte(at: 2) != 1 { return .no }
        guard start.byteCount >= 7 else { return .needMore }
        let version = start.bigEndian(UInt16.self, at: 3)
        let specificationByteCount = Int(start.bigEndian(UInt16.self, at: 5))
        let byteCount = Int(start.bigEndian(UInt16.self, at: 0) & 0x7fff)
        let isHello =
            (version == 2 || version >> 8 == 3 && version & 0xff <= 4)
            && specificationByteCount > 0 && specificationByteCount % 3 == 0
            && byteCount >= 9 &+ specificationByteCount
        guard isHello else { return .no }
        return direction == .toServer ? .yes : .yesReversed
    }
}
