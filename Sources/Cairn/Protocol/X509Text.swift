/// Parts of certificates as text.
extension TextBuffer {
    /// Relative distinguished names and names in them that are written.
    private static let nameCountMax = 64
    /// Bytes of one distinguished name's text.
    private static let nameByteCountMax = 4096

    /// Appends a distinguished name as `C=US, O=Example, CN=www`, in the order of the certificate.
    ///
    /// - Throws: `X509Error.name` if it has another structure; what was read stays.
    func appendX509Name(_ range: Range<Int>, _ bytes: RawSpan) throws(X509Error) {
        let start = count
        var names = DERReader(range)
        var nameCount = 0
        while !names.isAtEnd {
            var set = DERReader(try names.next(bytes, tag: 0x31, or: .name).content)
            var isFirst = true
            while !set.isAtEnd {
                nameCount &+= 1
                guard nameCount <= Self.nameCountMax else { return }
                var pair = DERReader(try set.next(bytes, tag: 0x30, or: .name).content)
                let type = try pair.next(bytes, tag: 0x06, or: .name).content
                let value = try pair.next(bytes)
                if count > start { append(isFirst ? ", " : " + ") }
                isFirst = false
                appendAttributeType(type, bytes)
                append(UInt8(ascii: "="))
                appendX509String(value, bytes)
                truncate(to: start &+ Self.nameByteCountMax)
            }
        }
    }

    /// Appends the short name of an attribute type, or its number in dots.
    private func appendAttributeType(_ range: Range<Int>, _ bytes: RawSpan) {
        if let name = Self.attributeName(range, bytes) {
            append(name)
        } else {
            appendObjectIdentifier(range, bytes)
        }
    }

    private static func attributeName(_ range: Range<Int>, _ bytes: RawSpan) -> StaticString? {
        let start = range.lowerBound
        if range.count == 3, bytes.bigEndian(UInt16.self, at: start) == 0x5504 {
            return attributeName(bytes.byte(at: start &+ 2))
        }
        let last = range.isEmpty ? 0 : bytes.byte(at: range.upperBound &- 1)
        // 1.2.840.113549.1.9
        if range.count == 9, bytes.bigEndian(UInt64.self, at: start) == 0x2a86_4886_f70d_0109 {
            return last == 1 ? "Email" : nil
        }
        // 0.9.2342.19200300.100.1
        if range.count == 10, bytes.bigEndian(UInt64.self, at: start) == 0x0992_2689_93f2_2c64 {
            return last == 25 ? "DC" : last == 1 ? "UID" : nil
        }
        // 1.3.6.1.4.1.311.60.2.1
        if range.count == 11, bytes.bigEndian(UInt64.self, at: start) == 0x2b06_0104_0182_373c {
            return last == 1
                ? "jurisdictionL" : last == 2 ? "jurisdictionST" : last == 3 ? "jurisdictionC" : nil
        }
        return nil
    }

    /// Attribute types of X.520, below 2.5.4.
    private static func attributeName(_ number: UInt8) -> StaticString? {
        switch number {
        case 3: "CN"
        case 4: "SN"
        case 5: "serialNumber"
        case 6: "C"
        case 7: "L"
        case 8: "ST"
        case 9: "street"
        case 10: "O"
        case 11: "OU"
        case 12: "title"
        case 13: "description"
        case 15: "businessCategory"
        case 17: "postalCode"
        case 41: "name"
        case 42: "GN"
        case 43: "initials"
        case 44: "generationQualifier"
        case 46: "dnQualifier"
        case 65: "pseudonym"
        case 97: "organizationIdentifier"
        default: nil
        }
    }

    /// Appends an object identifier in dots (X.690 §8.19).
    private func appendObjectIdentifier(_ range: Range<Int>, _ bytes: RawSpan) {
        var number: UInt64 = 0
        var isFirst = true
        for index in range {
            let byte = bytes.byte(at: index)
            number = number << 7 | UInt64(byte & 0x7f)
            guard byte & 0x80 == 0 else { continue }
            if isFirst {
                let root = min(number / 40, 2)
                appendDecimal(root)
                append(UInt8(ascii: "."))
                appendDecimal(number &- root &* 40)
                isFirst = false
            } else {
                append(UInt8(ascii: "."))
                appendDecimal(number)
            }
            number = 0
        }
    }

    /// Appends a directory string as UTF-8; a value of another type in hexadecimal behind `#`.
    private func appendX509String(_ element: DERReader.Element, _ bytes: RawSpan) {
        switch element.tag {
        // UTF8String, NumericString, PrintableString, IA5String, VisibleString
        case 0x0c, 0x12, 0x13, 0x16, 0x1a: append(bytes, element.content)
        // TeletexString: read as Latin-1, which is what is in it.
        case 0x14: for index in element.content { appendScalar(UInt32(bytes.byte(at: index))) }
        // BMPString
        case 0x1e:
            for index in stride(
                from: element.content.lowerBound, to: element.content.upperBound &- 1, by: 2)
            {
                appendScalar(UInt32(bytes.bigEndian(UInt16.self, at: index)))
            }
        // UniversalString
        case 0x1c:
            for index in stride(
                from: element.content.lowerBound, to: element.content.upperBound &- 3, by: 4)
            {
                appendScalar(bytes.bigEndian(UInt32.self, at: index))
            }
        default:
            append(UInt8(ascii: "#"))
            appendHex(bytes, element.content)
        }
    }

    /// Appends a Unicode character as UTF-8, U+FFFD for what is none (surrogates).
    private func appendScalar(_ value: UInt32) {
        for byte in UTF8.encode(Unicode.Scalar(value) ?? "\u{fffd}")
            ?? UTF8.encodedReplacementCharacter
        {
            append(byte)
        }
    }

    // MARK: Numbers

    /// Appends bytes as `0A:1B:2C`.
    func appendColonHex(_ range: Range<Int>, _ bytes: RawSpan, isUppercase: Bool) {
        for index in range {
            if index > range.lowerBound { append(UInt8(ascii: ":")) }
            let byte = bytes.byte(at: index)
            appendHexDigit(byte >> 4, isUppercase: isUppercase)
            appendHexDigit(byte & 15, isUppercase: isUppercase)
        }
    }

    func appendHexDigit(_ digit: UInt8, isUppercase: Bool) {
        let character = hexDigits.utf8Start[Int(digit & 15)]
        append(isUppercase && character >= 0x61 ? character &- 0x20 : character)
    }

    /// Appends seconds since 1970 UTC as `2026-11-23T17:20:00`, for years up to 9999.
    func appendCivilTime(seconds: Int64) {
        let days = seconds >= 0 ? seconds / 86_400 : (seconds &- 86_399) / 86_400
        let second = seconds &- days &* 86_400
        let shifted = days &+ 719_468
        let era = (shifted >= 0 ? shifted : shifted &- 146_096) / 146_097
        let dayOfEra = shifted &- era &* 146_097
        let century = dayOfEra / 1_460
        let yearOfEra =
            (dayOfEra &- century &+ dayOfEra / 36_524 &- dayOfEra / 146_096) / 365
        let dayOfYear =
            dayOfEra &- (365 &* yearOfEra &+ yearOfEra / 4 &- yearOfEra / 100)
        let monthFromMarch = (5 &* dayOfYear &+ 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch &+ 3 : monthFromMarch &- 9
        let year = yearOfEra &+ era &* 400 &+ (month <= 2 ? 1 : 0)
        let day = dayOfYear &- (153 &* monthFromMarch &+ 2) / 5 &+ 1
        append(year, 4)
        append("-")
        append(month, 2)
        append("-")
        append(day, 2)
        append("T")
        append(second / 3600, 2)
        append(":")
        append(second / 60 % 60, 2)
        append(":")
        append(second % 60, 2)
    }

    private func append(_ number: Int64, _ digitCount: Int) {
        appendDecimal(magnitude: number.magnitude, digitCountMin: digitCount)
    }
}
