/// The key of a detection item, taken apart.
struct ItemKey {
    var field: String?
    var transforms: [Transform] = []
    var elements: ElementChoice?
    var modifiers: [SigmaModifier] = []

    init?(_ entry: YAMLEntry, _ sink: DiagnosticSink) {
        guard entry.key.utf8.contains(UInt8(ascii: "|")) else {
            field = entry.key.isEmpty ? nil : entry.key
            return
        }
        var offset = 0
        // Bytes of an expression that were read already.
        var skipped = 0
        for (index, bytes) in entry.key.utf8
            .split(separator: UInt8(ascii: "|"), omittingEmptySubsequences: false).enumerated()
        {
            let part = Substring(bytes)
            if skipped > 0 {
                skipped -= part.utf8.count + 1
            } else if index == 0 {
                field = part.isEmpty ? nil : String(part)
            } else if let modifier = SigmaModifier.named(String(part)) {
                modifiers.append(modifier)
            } else if part.hasPrefix("elements:"),
                let choice = ElementChoice(String(part.dropFirst(9)))
            {
                elements = choice
            } else if let transform = Transform(named: String(part)) {
                transforms.append(transform)
            } else if part.hasPrefix("pcrexform:/") {
                // An expression may have bars of its own; it ends with a slash.
                let text = entry.key.utf8.dropFirst(offset + "pcrexform:/".utf8.count)
                guard let end = Self.end(ofExpression: text) else {
                    sink.error(
                        at: entry.keyMark.advanced(by: offset),
                        "the expression of 'pcrexform' ends with '/' and the next '|'")
                    return nil
                }
                let pattern = RegexPattern(pattern: String(Substring(text[..<end])))
                if let problem = pattern.problem {
                    sink.error(at: entry.keyMark.advanced(by: offset), problem)
                    return nil
                }
                transforms.append(.pcrexform(pattern))
                skipped =
                    text.distance(from: text.startIndex, to: end)
                    + "pcrexform:/".utf8.count + 1 - part.utf8.count
            } else {
                sink.error(
                    at: entry.keyMark.advanced(by: offset), Self.complaint(about: String(part)))
                return nil
            }
            offset += part.count + 1
        }
    }

    /// The slash behind which a bar follows, or nothing.
    private static func end(ofExpression text: Substring.UTF8View) -> Substring.UTF8View.Index? {
        var index = text.startIndex
        while let slash = text[index...].firstIndex(of: UInt8(ascii: "/")) {
            index = text.index(after: slash)
            if index == text.endIndex || text[index] == UInt8(ascii: "|") { return slash }
        }
        return nil
    }

    private static func complaint(about name: String) -> String {
        if name == "xor" || name.hasPrefix("xor:") {
            return "'xor' needs its key in hexadecimal digits: 'xor:0d0ac8ff'"
        }
        if name == "elements" || name.hasPrefix("elements:") {
            return
                "'elements' needs a place, all, all_or_absent, or_absent or a count: 'elements:0'"
        }
        return "unknown modifier '\(name)'"
            + suggestion(
                for: name,
                among: SigmaModifier.allCases.map(\.rawValue) + Transform.names)
    }

    /// Linked as the modifiers say.
    func applied(to leaves: [SigmaExpression]) -> SigmaExpression {
        let linked = SigmaExpression.linked(leaves, byAll: modifiers.contains(.all))
        return modifiers.contains(.neq) ? .not(linked) : linked
    }
}

extension Transform {
    /// Names of transforms without a parameter.
    static let names = [
        "to_lowercase", "to_uppercase", "strip_whitespace", "compress_whitespace", "url_decode",
        "dotprefix", "header_lowercase", "to_md5", "to_sha1", "to_sha256", "from_base64",
        "strip_pseudo_headers", "gunzip", "zlib_deflate", "domain", "tld",
    ]

    /// Bytes that `gunzip` and `zlib_deflate` unpack if nothing else is said, and may unpack at most.
    static let unpackedByteCount = 1024
    static let unpackedByteCountMax = 1 << 20

    /// The transform of a field suffix: its name, or `xor:` and a key in hexadecimal digits.
    init?(named name: String) {
        switch name {
        case "to_lowercase": self = .toLowercase
        case "to_uppercase": self = .toUppercase
        case "strip_whitespace": self = .stripWhitespace
        case "compress_whitespace": self = .compressWhitespace
        case "url_decode": self = .urlDecode
        case "dotprefix": self = .dotprefix
        case "header_lowercase": self = .headerLowercase
        case "to_md5": self = .toMD5
        case "to_sha1": self = .toSHA1
        case "to_sha256": self = .toSHA256
        case "from_base64": self = .fromBase64(Base64Decoding())
        case "strip_pseudo_headers": self = .stripPseudoHeaders
        case "domain": self = .domain
        case "tld": self = .tld
        case "gunzip": self = .gunzip(byteCountMax: Self.unpackedByteCount)
        case "zlib_deflate": self = .zlibDeflate(byteCountMax: Self.unpackedByteCount)
        default:
            if name.hasPrefix("subslice:"), let part = Subslice(String(name.dropFirst(9))) {
                self = .subslice(part)
                return
            }
            if let transform = Self.withOptions(name) {
                self = transform
                return
            }
            guard name.hasPrefix("xor:"), let key = hexBytes(name.dropFirst(4)), !key.isEmpty else {
                return nil
            }
            self = .xor(key)
        }
    }
}

extension Transform {
    /// `from_base64:mode=strict,offset=4,bytes=100`, `gunzip:max-size=4096`; nil for anything else.
    private static func withOptions(_ text: String) -> Transform? {
        guard let colon = text.firstIndex(of: ":") else { return nil }
        let name = text[..<colon]
        var decoding = Base64Decoding()
        var byteCountMax = unpackedByteCount
        for option in text[text.index(after: colon)...].split(separator: ",") {
            let parts = option.split(separator: "=")
            guard parts.count == 2 else { return nil }
            let number = Int64(parts[1]).flatMap { (0...0xffff_ffff).contains($0) ? $0 : nil }
            switch (name, parts[0]) {
            case ("from_base64", "mode"):
                guard let mode = Base64Decoding.Mode(rawValue: String(parts[1])) else { return nil }
                decoding.mode = mode
            case ("from_base64", "offset"):
                guard let number else { return nil }
                decoding.offset = number
            case ("from_base64", "bytes"):
                guard let number, number > 0 else { return nil }
                decoding.byteCount = number
            case ("gunzip", "max-size"), ("zlib_deflate", "max-size"):
                guard let number, number > 0, number <= unpackedByteCountMax else { return nil }
                byteCountMax = Int(number)
            default: return nil
            }
        }
        switch name {
        case "from_base64": return .fromBase64(decoding)
        case "gunzip": return .gunzip(byteCountMax: byteCountMax)
        case "zlib_deflate": return .zlibDeflate(byteCountMax: byteCountMax)
        default: return nil
        }
    }
}

/// The bytes of hexadecimal digits, with spaces anywhere between bytes; nil for anything else.
func hexBytes(_ text: some StringProtocol) -> [UInt8]? {
    var bytes: [UInt8] = []
    var high: UInt8?
    for byte in text.utf8 {
        if byte == 0x20 || byte == 0x0a || byte == 0x09 || byte == 0x0d {
            guard high == nil else { return nil }
            continue
        }
        guard let digit = byte.hexDigitValue else { return nil }
        if let first = high {
            bytes.append(first << 4 | digit)
            high = nil
        } else {
            high = digit
        }
    }
    return high == nil ? bytes : nil
}
