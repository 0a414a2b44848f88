/// What the first bytes of protocols are like that are recognised at their ports and not parsed. The
/// port has said most; these see whether it can be true.
enum RecognitionProbes {
    // MARK: Streams

    /// A control packet's type other than 0, flags with a quality of service that there is, and a
    /// length of at most four bytes (OASIS MQTT 5.0 §2.1, §1.5.5).
    static func mqtt(_ start: RawSpan) -> Detection {
        guard start.byteCount >= 1 else { return .needMore }
        let first = start.byte(at: 0)
        guard first >> 4 != 0, first & 6 != 6 else { return .no }
        for index in 1...4 {
            guard index < start.byteCount else { return .needMore }
            if start.byte(at: index) & 0x80 == 0 { return .yes }
        }
        return .no
    }

    /// A remote procedure call of NFS, or over TCP the reply to one (RFC 5531 §9), behind the mark
    /// of a record there (§11).
    static func nfs(_ start: RawSpan, _ context: DetectionContext) -> Detection {
        if context.isDatagram {
            let isCall =
                start.byteCount > 40 && context.direction == .toServer
                && isCall(start, versions: 2...3)
            return isCall ? .yes : .no
        }
        let isCall = context.direction == .toServer
        guard start.byteCount >= (isCall ? 44 : 28) else { return .needMore }
        let message = start.extracting(4..<start.byteCount)
        if isCall {
            // Version 4 has two procedures, version 3 has 22.
            let procedure = message.bigEndian(UInt32.self, at: 20)
            return self.isCall(message, versions: 3...4) && procedure < 22 ? .yes : .no
        }
        // A reply that was accepted, and whether it succeeded.
        let isReply =
            message.bigEndian(UInt32.self, at: 4) == 1 && message.bigEndian(UInt32.self, at: 8) == 0
            && message.bigEndian(UInt32.self, at: 20) <= 5
        return isReply ? .yes : .no
    }

    /// A call of program 100003 in version 2 of RPC.
    private static func isCall(_ message: RawSpan, versions: ClosedRange<UInt32>) -> Bool {
        message.bigEndian(UInt32.self, at: 4) == 0 && message.bigEndian(UInt32.self, at: 8) == 2
            && message.bigEndian(UInt32.self, at: 12) == 100_003
            && versions.contains(message.bigEndian(UInt32.self, at: 16))
    }

    /// A header of Modbus: protocol 0, a length that fits, a function that may be asked for.
    static func modbus(_ start: RawSpan) -> Detection {
        guard start.byteCount >= 8 else { return .needMore }
        let byteCount = start.bigEndian(UInt16.self, at: 4)
        let isHeader =
            start.bigEndian(UInt16.self, at: 2) == 0 && (2...254).contains(byteCount)
            && start.byte(at: 7) != 0
        return isHeader ? .yes : .no
    }

    /// The two bytes that a link frame begins with, and a length of at least its header's.
    static func dnp3(_ start: RawSpan) -> Detection {
        guard start.byteCount >= 1 else { return .needMore }
        guard start.byte(at: 0) == 0x05 else { return .no }
        guard start.byteCount >= 3 else { return .needMore }
        return start.byte(at: 1) == 0x64 && start.byte(at: 2) >= 5 ? .yes : .no
    }

    /// A command of the encapsulation, without status or options.
    static func enip(_ start: RawSpan) -> Detection {
        guard start.byteCount >= 24 else { return .needMore }
        switch start.littleEndian(UInt16.self, at: 0) {
        case 0x00, 0x01, 0x04, 0x63...0x66, 0x6f, 0x70, 0x72, 0x73:
            return start.littleEndian(UInt32.self, at: 20) == 0 ? .yes : .no
        default: return .no
        }
    }

    /// A client's start-up message or request for encryption; a server's answer to the latter, which
    /// is one byte, or a message with a type and a length.
    static func pgsql(_ start: RawSpan, _ direction: Direction) -> Detection {
        guard direction == .toServer else {
            guard start.byteCount >= 1 else { return .needMore }
            let first = start.byte(at: 0)
            if first == UInt8(ascii: "S") || first == UInt8(ascii: "N") { return .yes }
            guard start.byteCount >= 5 else { return .needMore }
            let isMessage =
                first.asciiLowercased &- 0x61 < 26
                && (4...1 << 20).contains(start.bigEndian(UInt32.self, at: 1))
            return isMessage ? .yes : .no
        }
        guard start.byteCount >= 8 else { return .needMore }
        let byteCount = start.bigEndian(UInt32.self, at: 0)
        let code = start.bigEndian(UInt32.self, at: 4)
        let isOpening =
            (8...10_000).contains(byteCount)
            && (code == 0x0003_0000 || (80_877_102...80_877_104).contains(code))
        return isOpening ? .yes : .no
    }

    // MARK: Datagrams

    /// A header of version 3 or 4, with nothing behind it or at least what an authenticator or an
    /// extension needs (RFC 5905 §7.3, §7.5).
    static func ntp(_ start: RawSpan) -> Bool {
        guard start.byteCount >= 48 else { return false }
        switch start.byte(at: 0) >> 3 & 7 {
        case 3: return true
        case 4: return start.byteCount == 48 || start.byteCount >= 64
        default: return false
        }
    }

    /// A SEQUENCE that is all there, in it a version, then a community or, of version 3, the global
    /// data.
    static func snmp(_ start: RawSpan) -> Bool {
        var position = 0
        guard let message = element(start, tag: 0x30, at: &position) else { return false }
        let end = position
        position = message.lowerBound
        guard let version = element(start, tag: 0x02, at: &position),
            (1...4).contains(version.count),
            position < end
        else { return false }
        let tag: UInt8 = start.byte(at: version.upperBound &- 1) == 3 ? 0x30 : 0x04
        return element(start, tag: tag, at: &position) != nil && position <= end
    }

    /// The content of an element with a definite length (X.690 §8.1.3), and behind it.
    private static func element(
        _ bytes: RawSpan, tag: UInt8, at position: inout Int
    ) -> Range<Int>? {
        guard bytes.byteCount &- position >= 2, bytes.byte(at: position) == tag else { return nil }
        var length = Int(bytes.byte(at: position &+ 1))
        position &+= 2
        if length >= 0x80 {
            let lengthByteCount = length & 0x7f
            guard (1...3).contains(lengthByteCount),
                bytes.byteCount &- position >= lengthByteCount
            else { return nil }
            length = 0
            for _ in 0..<lengthByteCount {
                length = length << 8 | Int(bytes.byte(at: position))
                position &+= 1
            }
        }
        guard length <= bytes.byteCount &- position else { return nil }
        defer { position &+= length }
        return position..<position &+ length
    }

    /// A client's request line: a method in capitals, and the version behind the URI; or a server's
    /// status line.
    static func sip(_ start: RawSpan, _ direction: Direction) -> Bool {
        guard direction == .toServer else { return start.starts(with: "SIP/2.0 ") }
        var position = 0
        while position < start.byteCount, start.byte(at: position) &- 0x41 < 26 { position &+= 1 }
        guard position > 0, position < start.byteCount, start.byte(at: position) == 0x20,
            let feed = start.index(of: ASCII.lineFeed, from: position)
        else { return false }
        let version = feed &- 9
        return version > position &+ 1 && start.starts(with: " SIP/2.0\r", at: version)
    }

    /// A header of ISAKMP in version 1, or of IKE in version 2 with one of its exchanges and a length
    /// that is there.
    static func ike(_ start: RawSpan) -> Bool {
        guard start.byteCount >= 28 else { return false }
        switch start.byte(at: 17) >> 4 {
        case 1: return true
        case 2:
            let byteCount = Int(start.bigEndian(UInt32.self, at: 24))
            return (34...37).contains(start.byte(at: 18)) && byteCount >= 28
                && byteCount <= start.byteCount
        default: return false
        }
    }
}

// MARK: - QUIC

extension RecognitionProbes {
    /// A long header whose connection IDs, and of an Initial packet token and length, are there; any
    /// short header; or a public header of Google's QUIC.
    static func quic(_ start: RawSpan) -> Bool {
        guard start.byteCount > 0 else { return false }
        let first = start.byte(at: 0)
        if first & 0x80 != 0 { return hasLongHeader(start, first) }
        return first & 0x40 != 0 || hasPublicHeader(start, first)
    }

    /// RFC 9000 §17.2.
    private static func hasLongHeader(_ start: RawSpan, _ first: UInt8) -> Bool {
        guard start.byteCount >= 7 else { return false }
        let version = start.bigEndian(UInt32.self, at: 1)
        // Google's versions pack both lengths into one byte.
        if version >> 24 == UInt32(UInt8(ascii: "Q")) { return start.byteCount >= 14 }
        // A version negotiation (§17.2.1).
        if version == 0 { return true }
        var position = 5
        for _ in 0..<2 {
            guard position < start.byteCount else { return false }
            let byteCount = Int(start.byte(at: position))
            position &+= 1 &+ byteCount
            guard byteCount <= 20, position <= start.byteCount else { return false }
        }
        guard first & 0x30 == 0 else { return true }
        guard let tokenByteCount = number(start, at: &position),
            tokenByteCount <= start.byteCount &- position
        else { return false }
        position &+= tokenByteCount
        guard let byteCount = number(start, at: &position) else { return false }
        return byteCount <= start.byteCount &- position
    }

    /// RFC 9000 §16; those that no datagram can hold are none.
    private static func number(_ bytes: RawSpan, at position: inout Int) -> Int? {
        guard position < bytes.byteCount else { return nil }
        let first = bytes.byte(at: position)
        let byteCount = 1 << Int(first >> 6)
        guard byteCount <= bytes.byteCount &- position else { return nil }
        var value = Int(first & 0x3f)
        for index in 1..<max(1, byteCount) {
            value = value << 8 | Int(bytes.byte(at: position &+ index))
        }
        position &+= byteCount
        return value
    }

    /// Flags say which of version, connection ID and nonce follow, and how long the packet number is
    /// (draft-hamilton-early-deployment-quic §6.1).
    private static func hasPublicHeader(_ start: RawSpan, _ first: UInt8) -> Bool {
        var byteCount = 1
        if first & 0x01 != 0 { byteCount &+= 4 }
        if first & 0x08 != 0 { byteCount &+= 8 }
        if first & 0x04 != 0 { byteCount &+= 32 }
        let numberSize = Int(first >> 4 & 3)
        byteCount &+= numberSize == 0 ? 1 : 2 &* numberSize
        return start.byteCount >= byteCount
    }
}
