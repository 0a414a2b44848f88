/// Fingerprints of TLS ends: JA3 and JA3S (Salesforce, 2017) and JA4 (FoxIO, 2023).
///
/// JA3 lists what the hello says in decimal and in its order; JA4 sorts, so that clients which
/// shuffle their extensions keep their fingerprint. Values of RFC 8701 (GREASE) are left out
/// everywhere.
enum JA {
    /// Writes `version,ciphers,extensions,groups,point formats`.
    static func writeJA3(_ hello: TLSHello, _ message: RawSpan, into text: TextBuffer) {
        text.appendDecimal(hello.legacyVersion)
        text.append(UInt8(ascii: ","))
        writeList(numbers(in: hello.ciphers, message), into: text)
        text.append(UInt8(ascii: ","))
        writeList(extensionTypes(hello, message), into: text)
        text.append(UInt8(ascii: ","))
        writeList(numbers(in: hello.groups, message), into: text)
        text.append(UInt8(ascii: ","))
        let formats = hello.pointFormats.prefix(TLSHello.listCountMax)
        writeList(formats.map { UInt16(message.byte(at: $0)) }, into: text)
    }

    /// Writes `version,cipher,extensions` of a server.
    static func writeJA3S(_ hello: TLSHello, _ message: RawSpan, into text: TextBuffer) {
        text.appendDecimal(hello.legacyVersion)
        text.append(UInt8(ascii: ","))
        writeList(numbers(in: hello.ciphers, message), into: text)
        text.append(UInt8(ascii: ","))
        writeList(extensionTypes(hello, message), into: text)
    }

    /// Writes the JA4 fingerprint of a client over TCP.
    static func writeJA4(
        _ hello: TLSHello, _ message: RawSpan, into text: TextBuffer, digest: Digest
    ) {
        let ciphers = numbers(in: hello.ciphers, message)
        let extensions = extensionTypes(hello, message)
        text.append(UInt8(ascii: "t"))
        text.append(versionCode(hello.version))
        text.append(UInt8(ascii: hello.hasServerNameExtension ? "d" : "i"))
        text.appendDecimal(magnitude: UInt64(min(ciphers.count, 99)), digitCountMin: 2)
        text.appendDecimal(magnitude: UInt64(min(extensions.count, 99)), digitCountMin: 2)
        writeProtocolCode(hello, message, into: text)
        text.append(UInt8(ascii: "_"))
        writeHash(ciphers.sorted(), [], into: text, digest)
        text.append(UInt8(ascii: "_"))
        let counted = extensions.filter { $0 != 0 && $0 != 16 }.sorted()
        let algorithms = numbers(in: hello.signatureAlgorithms, message)
        writeHash(counted, algorithms, into: text, digest)
    }

    // MARK: Lists

    private static func numbers(in range: Range<Int>, _ message: RawSpan) -> [UInt16] {
        var numbers: [UInt16] = []
        numbers.reserveCapacity(min(range.count / 2, TLSHello.listCountMax))
        for index in stride(from: range.lowerBound, to: range.upperBound &- 1, by: 2) {
            guard numbers.count < TLSHello.listCountMax else { break }
            let number = message.bigEndian(UInt16.self, at: index)
            if !TLSNumbers.isGrease(number) { numbers.append(number) }
        }
        return numbers
    }

    /// Extensions of a hello, rarely more.
    private static let typicalExtensionCount = 32

    private static func extensionTypes(_ hello: TLSHello, _ message: RawSpan) -> [UInt16] {
        var types: [UInt16] = []
        types.reserveCapacity(min(hello.extensions.count / 4, typicalExtensionCount))
        var reader = TLSReader(hello.extensions)
        while let type = reader.number16(message), reader.vector16(message) != nil {
            if !TLSNumbers.isGrease(type) { types.append(type) }
        }
        return types
    }

    private static func writeList(_ numbers: [UInt16], into text: TextBuffer) {
        for (index, number) in numbers.enumerated() {
            if index > 0 { text.append(UInt8(ascii: "-")) }
            text.appendDecimal(number)
        }
    }

    // MARK: JA4

    private static func versionCode(_ version: UInt16) -> StaticString {
        switch version {
        case 0x0304: "13"
        case 0x0303: "12"
        case 0x0302: "11"
        case 0x0301: "10"
        case 0x0300: "s3"
        case 0x0002: "s2"
        default: "00"
        }
    }

    /// First and last character of the first application protocol; of its hexadecimal text if one
    /// of them is no letter or digit; `00` if there is none.
    private static func writeProtocolCode(
        _ hello: TLSHello, _ message: RawSpan, into text: TextBuffer
    ) {
        var reader = TLSReader(hello.applicationProtocols)
        guard let name = reader.vector8(message), !name.isEmpty else { return text.append("00") }
        let first = message.byte(at: name.lowerBound)
        let last = message.byte(at: name.upperBound &- 1)
        if isAlphanumeric(first), isAlphanumeric(last) {
            text.append(first)
            text.append(last)
        } else {
            text.append(hexDigits.utf8Start[Int(first >> 4)])
            text.append(hexDigits.utf8Start[Int(last & 15)])
        }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        byte &- 48 < 10 || byte.asciiLowercased &- 0x61 < 26
    }

    /// Writes the first twelve digits of the SHA-256 of the numbers in hexadecimal, with the second
    /// list behind an underscore; zeros if the first list is empty.
    private static func writeHash(
        _ numbers: [UInt16], _ more: [UInt16], into text: TextBuffer, _ digest: Digest
    ) {
        guard !numbers.isEmpty else { return text.append("000000000000") }
        let start = text.count
        writeHexList(numbers, into: text)
        if !more.isEmpty {
            text.append(UInt8(ascii: "_"))
            writeHexList(more, into: text)
        }
        digest.reset()
        digest.update(text.bytes(from: start))
        text.truncate(to: start)
        for byte in digest.finish().prefix(6) { text.appendHex(byte) }
    }

    private static func writeHexList(_ numbers: [UInt16], into text: TextBuffer) {
        for (index, number) in numbers.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            text.appendHex(number)
        }
    }
}
