/// A resource record without its name (RFC 1035 §4.1.3); offsets count in the message.
struct DNSRecord {
    static let optType: UInt16 = 41

    var type: UInt16
    /// The class.
    var value: UInt16
    /// Seconds.
    var timeToLive: UInt32
    var dataOffset: Int
    var dataByteCount: Int

    var dataEnd: Int { dataOffset &+ dataByteCount }

    /// Appends the data as text: the form of zone files without dots at the end of names. Data that
    /// do not fit their type are written in the form of RFC 3597 §5 (`\# 3 0a0b0c`), character
    /// strings and NULL data byte for byte.
    ///
    /// - Returns: where in the buffer a host name stands as written; other names are lower-case
    ///   already.
    func write(
        _ message: RawSpan, into text: TextBuffer, flaws: inout DNSName.Flaws
    ) -> Range<Int>? {
        guard dataByteCount > 0 else { return nil }
        let start = text.count
        var writer = DNSRecordWriter(position: dataOffset, end: dataEnd, text: text)
        let isWritten = writer.write(message, type: type)
        flaws.formUnion(writer.flaws)
        if isWritten { return writer.hostName }
        text.truncate(to: start)
        text.append("\\# ")
        text.appendDecimal(dataByteCount)
        text.append(UInt8(ascii: " "))
        text.appendHex(message, dataOffset..<dataEnd)
        return nil
    }
}

/// Writes the fields of a record's data one behind the other, a space between them. Every step says
/// whether the data had room for it.
private struct DNSRecordWriter {
    private var position: Int
    private let end: Int
    private let text: TextBuffer
    private let start: Int
    private(set) var flaws = DNSName.Flaws()
    private(set) var hostName: Range<Int>?

    init(position: Int, end: Int, text: TextBuffer) {
        self.position = position
        self.end = end
        self.text = text
        start = text.count
    }

    /// Writes the data of a type; false if they do not have its form, or nobody knows it.
    mutating func write(_ message: RawSpan, type: UInt16) -> Bool {
        switch type {
        case 1: address(message, byteCount: 4) && isAtEnd
        case 28: address(message, byteCount: 16) && isAtEnd
        // NS, MD, MF, CNAME, MB, MG, MR, PTR, NSAP-PTR, DNAME
        case 2...5, 7...9, 12, 23, 39: host(message)
        case 6: host(message) && name(message) && numbers(message, 4, 4, 4, 4, 4)
        case 14, 17: name(message) && name(message)
        // MX, AFSDB, RT, KX
        case 15, 18, 21, 36: numbers(message, 2) && host(message)
        case 26: numbers(message, 2) && name(message) && name(message)
        case 33: numbers(message, 2, 2, 2) && host(message)
        // HINFO, X25, ISDN: several texts; TXT, NINFO, SPF, AVC: one in pieces
        case 13, 19, 20: strings(message, separated: true)
        case 16, 56, 99, 258: strings(message, separated: false)
        case 10: raw(message)
        case 35: namingAuthorityPointer(message)
        case 64, 65: serviceBinding(message)
        case 256: numbers(message, 2, 2) && quoted(message, to: end)
        case 257: certificationAuthority(message)
        case 108, 109: hardwareAddress(message)
        default: writeSecurity(message, type: type)
        }
    }

    /// Writes records of DNSSEC and of keys.
    private mutating func writeSecurity(_ message: RawSpan, type: UInt16) -> Bool {
        switch type {
        case 24, 46:
            types(message, count: 1) && numbers(message, 1, 1, 4, 4, 4, 2) && name(message)
                && base64(message)
        case 25, 48, 60: numbers(message, 2, 1, 1) && base64(message)
        case 37: numbers(message, 2, 2, 1) && base64(message)
        // DS, CDS, TA, DLV
        case 43, 59, 32768, 32769: numbers(message, 2, 1, 1) && hex(message, to: end)
        case 44: numbers(message, 1, 1) && hex(message, to: end)
        // TLSA, SMIMEA
        case 52, 53: numbers(message, 1, 1, 1) && hex(message, to: end)
        case 47: name(message) && typeBitmap(message)
        case 50:
            numbers(message, 1, 1, 2) && counted(message) && counted(message)
                && typeBitmap(message)
        case 51: numbers(message, 1, 1, 2) && counted(message)
        // DHCID, OPENPGPKEY
        case 49, 61: base64(message)
        default: false
        }
    }

    private var isAtEnd: Bool { position == end }

    private func has(_ byteCount: Int) -> Bool { end &- position >= byteCount }

    private func separate() {
        if text.count > start { text.append(UInt8(ascii: " ")) }
    }

    // MARK: Names, addresses, numbers

    private mutating func name(_ message: RawSpan) -> Bool {
        separate()
        let nameStart = text.count
        guard let next = DNSName.read(message, at: position, into: text, flaws: &flaws),
            next <= end
        else { return false }
        position = next
        text.lowercase(nameStart..<text.count)
        if text.count == nameStart { text.append(UInt8(ascii: ".")) }
        return true
    }

    private mutating func host(_ message: RawSpan) -> Bool {
        separate()
        let nameStart = text.count
        guard let next = DNSName.read(message, at: position, into: text, flaws: &flaws),
            next <= end
        else { return false }
        position = next
        hostName = nameStart..<text.count
        return true
    }

    private mutating func address(_ message: RawSpan, byteCount: Int) -> Bool {
        guard has(byteCount) else { return false }
        separate()
        if byteCount == 4 {
            text.appendIPv4(message.bigEndian(at: position))
        } else {
            text.appendIPv6(
                high: message.bigEndian(at: position), low: message.bigEndian(at: position &+ 8))
        }
        position &+= byteCount
        return true
    }

    /// Writes big-endian numbers of the given byte counts in decimal.
    private mutating func numbers(_ message: RawSpan, _ byteCounts: Int...) -> Bool {
        for byteCount in byteCounts {
            guard has(byteCount) else { return false }
            var number: UInt64 = 0
            for offset in 0..<byteCount {
                number = number << 8 | UInt64(message.byte(at: position &+ offset))
            }
            separate()
            text.appendDecimal(number)
            position &+= byteCount
        }
        return true
    }

    /// Writes 16-bit record types by name.
    private mutating func types(_ message: RawSpan, count: Int) -> Bool {
        guard has(2 &* count) else { return false }
        for _ in 0..<count {
            separate()
            text.appendDNSType(message.bigEndian(at: position))
            position &+= 2
        }
        return true
    }

    // MARK: Runs of bytes

    private mutating func raw(_ message: RawSpan) -> Bool {
        text.append(message, position..<end)
        position = end
        return true
    }

    /// Writes character strings, each behind its length byte (RFC 1035 §3.3).
    private mutating func strings(_ message: RawSpan, separated: Bool) -> Bool {
        while !isAtEnd {
            let byteCount = Int(message.byte(at: position))
            guard has(1 &+ byteCount) else { return false }
            if separated { separate() }
            text.append(message, position &+ 1..<position &+ 1 &+ byteCount)
            position &+= 1 &+ byteCount
        }
        return true
    }

    private mutating func quoted(_ message: RawSpan, to stop: Int) -> Bool {
        separate()
        text.append(UInt8(ascii: "\""))
        text.append(message, position..<stop)
        text.append(UInt8(ascii: "\""))
        position = stop
        return true
    }

    private mutating func hex(_ message: RawSpan, to stop: Int) -> Bool {
        separate()
        text.appendHex(message, position..<stop)
        position = stop
        return true
    }

    private mutating func base64(_ message: RawSpan) -> Bool {
        separate()
        text.appendBase64(message, position..<end)
        position = end
        return true
    }

    /// Writes bytes behind their length byte in hexadecimal, `-` for none (salt and hash of NSEC3).
    private mutating func counted(_ message: RawSpan) -> Bool {
        guard has(1) else { return false }
        let byteCount = Int(message.byte(at: position))
        guard has(1 &+ byteCount) else { return false }
        position &+= 1
        if byteCount > 0 { return hex(message, to: position &+ byteCount) }
        separate()
        text.append(UInt8(ascii: "-"))
        return true
    }

    private mutating func hardwareAddress(_ message: RawSpan) -> Bool {
        while !isAtEnd {
            if text.count > start { text.append(UInt8(ascii: "-")) }
            text.appendHex(message.byte(at: position))
            position &+= 1
        }
        return true
    }

    // MARK: Forms of single types

    /// Writes the types of a bit map: blocks of 256, each with a number and a length (RFC 4034
    /// §4.1.2).
    private mutating func typeBitmap(_ message: RawSpan) -> Bool {
        while !isAtEnd {
            guard has(2) else { return false }
            let block = UInt16(message.byte(at: position)) << 8
            let byteCount = Int(message.byte(at: position &+ 1))
            guard byteCount <= 32, has(2 &+ byteCount) else { return false }
            for index in 0..<(byteCount &* 8) {
                let byte = message.byte(at: position &+ 2 &+ index / 8)
                guard byte & 0x80 >> UInt8(truncatingIfNeeded: index & 7) != 0 else { continue }
                separate()
                text.appendDNSType(block | UInt16(truncatingIfNeeded: index))
            }
            position &+= 2 &+ byteCount
        }
        return true
    }

    /// NAPTR (RFC 3403 §4.1): order, preference, flags, services, expression, replacement.
    private mutating func namingAuthorityPointer(_ message: RawSpan) -> Bool {
        guard numbers(message, 2, 2) else { return false }
        for _ in 0..<3 {
            guard has(1) else { return false }
            let byteCount = Int(message.byte(at: position))
            guard has(1 &+ byteCount) else { return false }
            position &+= 1
            guard quoted(message, to: position &+ byteCount) else { return false }
        }
        return name(message)
    }

    /// CAA (RFC 8659 §4.1): flags, tag, value.
    private mutating func certificationAuthority(_ message: RawSpan) -> Bool {
        guard numbers(message, 1), has(1) else { return false }
        let byteCount = Int(message.byte(at: position))
        guard has(1 &+ byteCount) else { return false }
        separate()
        text.append(message, position &+ 1..<position &+ 1 &+ byteCount)
        position &+= 1 &+ byteCount
        return quoted(message, to: end)
    }

    /// SVCB and HTTPS (RFC 9460 §2.2): priority, target, parameters.
    private mutating func serviceBinding(_ message: RawSpan) -> Bool {
        guard numbers(message, 2), name(message) else { return false }
        while !isAtEnd {
            guard has(4) else { return false }
            let key = message.bigEndian(UInt16.self, at: position)
            let byteCount = Int(message.bigEndian(UInt16.self, at: position &+ 2))
            guard has(4 &+ byteCount) else { return false }
            position &+= 4
            parameter(key, message, to: position &+ byteCount)
        }
        return true
    }

    /// Writes one service parameter (RFC 9460 §14.3.2); what is broken or unknown in hexadecimal.
    private mutating func parameter(_ key: UInt16, _ message: RawSpan, to stop: Int) {
        separate()
        switch key {
        case 0: text.append("mandatory")
        case 1: text.append("alpn")
        case 2: text.append("no-default-alpn")
        case 3: text.append("port")
        case 4: text.append("ipv4hint")
        case 5: text.append("ech")
        case 6: text.append("ipv6hint")
        default:
            text.append("key")
            text.appendDecimal(key)
        }
        let byteCount = stop &- position
        guard byteCount > 0 else { return }
        text.append(UInt8(ascii: "="))
        switch key {
        case 1: protocolNames(message, to: stop)
        case 3 where byteCount == 2:
            text.appendDecimal(message.bigEndian(UInt16.self, at: position))
        case 4 where byteCount % 4 == 0: hints(message, byteCount: 4, to: stop)
        case 6 where byteCount % 16 == 0: hints(message, byteCount: 16, to: stop)
        case 5: text.appendBase64(message, position..<stop)
        default: text.appendHex(message, position..<stop)
        }
        position = stop
    }

    private mutating func protocolNames(_ message: RawSpan, to stop: Int) {
        let first = position
        while position < stop {
            let next = position &+ 1 &+ Int(message.byte(at: position))
            guard next <= stop else { return }
            if position > first { text.append(UInt8(ascii: ",")) }
            text.append(message, position &+ 1..<next)
            position = next
        }
    }

    private mutating func hints(_ message: RawSpan, byteCount: Int, to stop: Int) {
        let first = position
        while position < stop {
            if position > first { text.append(UInt8(ascii: ",")) }
            if byteCount == 4 {
                text.appendIPv4(message.bigEndian(at: position))
            } else {
                text.appendIPv6(
                    high: message.bigEndian(at: position),
                    low: message.bigEndian(at: position &+ 8))
            }
            position &+= byteCount
        }
    }
}
