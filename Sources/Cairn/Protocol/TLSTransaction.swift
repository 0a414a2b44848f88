/// What hellos and certificates say, as fields of the handshake's transaction.
extension Transaction {
    /// Certificates of a chain that are kept.
    private static let certificateCountMax = 64
    /// Alternative names of a certificate that are kept.
    private static let alternativeNameCountMax = 256

    private func set(_ field: TLSField, _ text: TextBuffer) {
        fields.append(text.bytes, to: field.rawValue)
        text.removeAll()
    }

    private func set(_ field: TLSField, _ range: Range<Int>, _ bytes: RawSpan) {
        fields.append(bytes.extracting(range), to: field.rawValue)
    }

    private func set(_ field: TLSField, _ number: some BinaryInteger) {
        fields.append(Int64(clamping: number), to: field.rawValue)
    }

    /// Adds a name to a list, unless it is there.
    func add(_ name: StaticString, to field: TLSField) {
        let bytes = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        var cursor = fields.first(of: field.rawValue)
        while let value = cursor {
            if fields.bytes(value).elementsEqual(bytes) { return }
            cursor = fields.next(after: value, of: field.rawValue)
        }
        fields.append(bytes, to: field.rawValue)
    }

    // MARK: Hellos

    func storeClientHello(_ hello: TLSHello, _ message: RawSpan, _ output: ParserOutput) {
        let text = output.text
        text.removeAll()
        if let name = hello.serverName { set(.sni, name, message) }
        storeOfferedVersion(hello.version, text)
        let ciphers = stride(from: hello.ciphers.lowerBound, to: hello.ciphers.upperBound, by: 2)
        for index in ciphers.prefix(TLSHello.listCountMax) {
            set(.ciphers, message.bigEndian(UInt16.self, at: index))
        }
        storeApplicationProtocols(hello, message, .alpn)
        storeRandom(hello.random, message, .random, .randomTime, .randomBytes)
        JA.writeJA3(hello, message, into: text)
        storeFingerprint(text, output.md5, .ja3String, .ja3Hash)
        JA.writeJA4(hello, message, into: text, digest: output.sha256)
        set(.ja4Hash, text)
    }

    func storeServerHello(_ hello: TLSHello, _ message: RawSpan, _ output: ParserOutput) {
        let text = output.text
        text.removeAll()
        storeNegotiatedVersion(hello.version, text)
        if hello.ciphers.count == 2 {
            let suite = message.bigEndian(UInt16.self, at: hello.ciphers.lowerBound)
            if let name = TLSCipherSuites.name(suite) {
                text.append("TLS_")
                text.append(name)
            } else {
                text.append("unknown-")
                text.appendDecimal(suite)
            }
            set(.cipher, text)
            set(.cipherNumber, suite)
        }
        storeApplicationProtocols(hello, message, .serverALPN)
        storeRandom(
            hello.random, message, .serverRandom, .serverRandomTime, .serverRandomBytes)
        JA.writeJA3S(hello, message, into: text)
        storeFingerprint(text, output.md5, .ja3sString, .ja3sHash)
    }

    /// Stores the random bytes of a hello, and by themselves the four that once were a time (RFC 5246 §7.4.1.2) and the
    /// others.
    private func storeRandom(
        _ range: Range<Int>, _ message: RawSpan, _ all: TLSField, _ time: TLSField,
        _ others: TLSField
    ) {
        set(all, range, message)
        guard range.count > 4 else { return }
        let middle = range.lowerBound &+ 4
        set(time, range.lowerBound..<middle, message)
        set(others, middle..<range.upperBound, message)
    }

    /// Stores a version by its name, an unknown one in hexadecimal.
    private func storeVersion(_ version: UInt16, _ field: TLSField, _ text: TextBuffer) {
        text.removeAll()
        appendVersion(TLSNumbers.versionName(version), version, text)
        set(field, text)
    }

    /// Stores the version that the client wants.
    func storeOfferedVersion(_ version: UInt16, _ text: TextBuffer) {
        storeVersion(version, .clientVersion, text)
        set(.clientVersionNumber, version)
    }

    /// Stores the version that the server chose.
    func storeNegotiatedVersion(_ version: UInt16, _ text: TextBuffer) {
        storeVersion(version, .version, text)
        appendVersion(TLSNumbers.zeekVersionName(version), version, text)
        set(.zeekVersion, text)
        set(.versionNumber, version)
    }

    private func appendVersion(_ name: StaticString?, _ version: UInt16, _ text: TextBuffer) {
        if let name { return text.append(name) }
        text.append("0x")
        text.appendHex(version)
    }

    private func storeApplicationProtocols(
        _ hello: TLSHello, _ message: RawSpan, _ field: TLSField
    ) {
        var reader = TLSReader(hello.applicationProtocols)
        var count = 0
        while count < TLSHello.listCountMax, let name = reader.vector8(message) {
            set(field, name, message)
            count &+= 1
        }
    }

    /// Stores the text in the buffer and its MD5.
    private func storeFingerprint(
        _ text: TextBuffer, _ digest: Digest, _ string: TLSField, _ hash: TLSField
    ) {
        digest.reset()
        digest.update(text.bytes)
        set(string, text)
        for byte in digest.finish() { text.appendHex(byte) }
        set(hash, text)
    }

    // MARK: Certificates

    /// Stores the certificates of a Certificate message (RFC 5246 §7.4.2): a list of DER, the end's
    /// own first.
    ///
    /// - Returns: what is wrong with the list or with the first certificate.
    func storeCertificates(
        _ message: RawSpan, _ direction: Direction, _ output: ParserOutput
    ) -> TLS.Anomaly? {
        var outer = TLSReader(0..<message.byteCount)
        guard let list = outer.vector24(message) else { return .invalidCertificate }
        var reader = TLSReader(list)
        var count = 0
        defer { if direction == .toClient { set(.chainLength, count) } }
        while !reader.isAtEnd {
            guard let certificate = reader.vector24(message), !certificate.isEmpty else {
                return .invalidCertificate
            }
            count &+= 1
            guard count <= Self.certificateCountMax else { continue }
            set(direction == .toClient ? .certificates : .clientCertificates, certificate, message)
            guard count == 1 else { continue }
            let flaw = storeCertificate(message.extracting(certificate), direction, output)
            if let flaw { return flaw }
        }
        return nil
    }

    /// Stores what an end's own certificate says.
    private func storeCertificate(
        _ bytes: RawSpan, _ direction: Direction, _ output: ParserOutput
    ) -> TLS.Anomaly? {
        storeCertificateFingerprint(bytes, direction, output)
        do {
            let certificate = try X509Certificate(decoding: bytes)
            let text = output.text
            text.removeAll()
            if direction == .toServer {
                try storeClientNames(certificate, bytes, text)
            } else {
                try storeServerNames(certificate, bytes, text)
                storeValidity(certificate, text)
                try storeAlternativeNames(certificate, bytes, text)
            }
            return nil
        } catch {
            output.text.removeAll()
            return TLS.Anomaly(error)
        }
    }

    private func storeCertificateFingerprint(
        _ bytes: RawSpan, _ direction: Direction, _ output: ParserOutput
    ) {
        output.sha1.reset()
        output.sha1.update(bytes)
        let hash = output.sha1.finish()
        output.text.removeAll()
        output.text.appendColonHex(0..<hash.count, hash.span.bytes, isUppercase: false)
        set(direction == .toClient ? .fingerprint : .clientFingerprint, output.text)
    }

    private func storeServerNames(
        _ certificate: X509Certificate, _ bytes: RawSpan, _ text: TextBuffer
    ) throws(X509Error) {
        text.appendColonHex(certificate.serial, bytes, isUppercase: true)
        set(.serial, text)
        storePlainSerial(certificate.serial, bytes, text)
        let isSelfSigned = certificate.subject.elementsEqual(certificate.issuer) {
            bytes.byte(at: $0) == bytes.byte(at: $1)
        }
        set(.isSelfSigned, isSelfSigned ? 1 : 0)
        try text.appendX509Name(certificate.subject, bytes)
        set(.subject, text)
        try text.appendX509Name(certificate.issuer, bytes)
        set(.issuer, text)
    }

    /// Stores a serial number in hexadecimal, as bytes and as a number is written.
    private func storePlainSerial(_ range: Range<Int>, _ bytes: RawSpan, _ text: TextBuffer) {
        for index in range {
            text.appendHexDigit(bytes.byte(at: index) >> 4, isUppercase: true)
            text.appendHexDigit(bytes.byte(at: index) & 15, isUppercase: true)
        }
        fields.append(text.bytes, to: TLSField.serialPlain.rawValue)
        let zeroCount = text.bytes.prefix { $0 == UInt8(ascii: "0") }.count
        if zeroCount > 0, zeroCount < text.count {
            fields.append(text.bytes(from: zeroCount), to: TLSField.serialPlain.rawValue)
        }
        text.removeAll()
    }

    private func storeClientNames(
        _ certificate: X509Certificate, _ bytes: RawSpan, _ text: TextBuffer
    ) throws(X509Error) {
        text.appendColonHex(certificate.serial, bytes, isUppercase: true)
        set(.clientSerial, text)
        try text.appendX509Name(certificate.subject, bytes)
        set(.clientSubject, text)
        try text.appendX509Name(certificate.issuer, bytes)
        set(.clientIssuer, text)
    }

    private func storeValidity(_ certificate: X509Certificate, _ text: TextBuffer) {
        set(.notBeforeSeconds, certificate.notBefore)
        text.appendCivilTime(seconds: certificate.notBefore)
        set(.notBefore, text)
        set(.notAfterSeconds, certificate.notAfter)
        text.appendCivilTime(seconds: certificate.notAfter)
        set(.notAfter, text)
    }

    /// Stores mail addresses [1], host names [2], URIs [6] and addresses [7] (RFC 5280 §4.2.1.6).
    private func storeAlternativeNames(
        _ certificate: X509Certificate, _ bytes: RawSpan, _ text: TextBuffer
    ) throws(X509Error) {
        guard let range = certificate.alternativeNames else { return }
        var reader = DERReader(range)
        var count = 0
        while !reader.isAtEnd, count < Self.alternativeNameCountMax {
            count &+= 1
            let name = try reader.next(bytes)
            switch name.tag {
            case 0x81, 0x82, 0x86: set(.alternativeNames, name.content, bytes)
            case 0x87 where name.content.count == 4:
                text.appendIPv4(bytes.bigEndian(at: name.content.lowerBound))
                set(.alternativeNames, text)
            case 0x87 where name.content.count == 16:
                text.append(IPAddress(v6In: bytes, at: name.content.lowerBound))
                set(.alternativeNames, text)
            default: break
            }
        }
    }
}
