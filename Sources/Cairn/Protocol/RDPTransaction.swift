/// Stores what RDP messages say in the fields of their transaction.
extension Transaction {
    /// Channels that are stored; the protocol knows 31.
    private static let channelCountMax = 31

    private func set(_ field: RDPField, _ text: TextBuffer) {
        fields.append(text.bytes, to: field.rawValue)
        text.removeAll()
    }

    private func set(_ field: RDPField, _ value: StaticString) {
        fields.append(
            UnsafeRawBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount),
            to: field.rawValue)
    }

    private func set(_ field: RDPField, _ number: some FixedWidthInteger) {
        fields.append(Int64(truncatingIfNeeded: number), to: field.rawValue)
    }

    /// Stores a name, or a word with the number that has none.
    private func set(
        _ field: RDPField, _ name: StaticString?, or word: StaticString, _ number: UInt32,
        _ text: TextBuffer
    ) {
        if let name { return set(field, name) }
        text.removeAll()
        text.append(word)
        text.appendDecimal(number)
        set(field, text)
    }

    private func setEvent(_ name: StaticString) {
        fields.clear(RDPField.eventType.rawValue)
        set(.eventType, name)
    }

    /// Stores the names of the bits that are set.
    private func set(_ field: RDPField, bits: UInt32, _ names: [StaticString]) {
        for (bit, name) in names.enumerated() where name.utf8CodeUnitCount > 0 {
            if bits >> UInt32(bit) & 1 != 0 { set(field, name) }
        }
    }

    // MARK: Negotiation

    func storeRequest(_ request: RDPNegotiation, _ packet: RawSpan) {
        setEvent("initial_request")
        if let cookie = request.cookie {
            fields.append(packet.extracting(cookie), to: RDPField.cookie.rawValue)
        }
        if let token = request.routingToken {
            fields.append(packet.extracting(token), to: RDPField.routingToken.rawValue)
        }
        let hasChoice = request.type == 1
        if !hasChoice || request.value == 0 { set(.requestedProtocols, "rdp") }
        guard hasChoice else { return }
        set(.requestedProtocols, bits: request.value, RDPNames.securityProtocols)
        set(.requestFlags, bits: UInt32(request.flags), RDPNames.requestFlags)
    }

    /// Stores a response that names a protocol; one without a choice means the oldest one.
    func storeResponse(_ response: RDPNegotiation, _ text: TextBuffer) {
        setEvent("initial_response")
        if response.type == 3 { return storeFailure(response.value, text) }
        let chosen = response.type == 2 ? response.value : 0
        set(.responseFlags, bits: UInt32(response.flags), RDPNames.responseFlags)
        set(
            .securityProtocolName, RDPNames.securityProtocol(chosen), or: "unknown-", chosen, text)
        set(
            .securityProtocol, RDPNames.zeekSecurityProtocol(chosen), or: "security_protocol-",
            chosen, text)
    }

    private func storeFailure(_ code: UInt32, _ text: TextBuffer) {
        set(.errorCode, code)
        set(.reason, RDPNames.failure(code), or: "unknown-", code, text)
        set(.result, RDPNames.zeekFailure(code), or: "failure_code-", code, text)
    }

    /// What follows is encrypted.
    func storeEncryption() {
        if fields.count(of: RDPField.result.rawValue) == 0 { set(.result, "encrypted") }
    }

    // MARK: Client

    func storeConnectRequest(_ connect: RDPConnect, _ packet: RawSpan, _ text: TextBuffer) {
        setEvent("connect_request")
        if let core = connect.core { storeCore(packet.extracting(core), text) }
        if let network = connect.network { storeChannels(packet.extracting(network), text) }
    }

    /// Client Core Data ([MS-RDPBCGR] §2.2.1.3.2); what is behind the name of the input method may
    /// be missing.
    private func storeCore(_ core: RawSpan, _ text: TextBuffer) {
        func number16(_ offset: Int) -> UInt32 {
            UInt32(core.littleEndian(UInt16.self, at: offset))
        }
        func number32(_ offset: Int) -> UInt32 { core.littleEndian(at: offset) }
        guard core.byteCount >= 128 else { return }
        set(RDPField.version, RDPNames.version(number32(0)))
        set(.desktopWidth, number16(4))
        set(.desktopHeight, number16(6))
        let layout = number32(12)
        set(.keyboardLayout, RDPNames.language(layout), or: "keyboard-", layout, text)
        let build = number32(16)
        set(.build, RDPNames.build(build), or: "build-", build, text)
        set(.clientBuild, RDPNames.zeekBuild(build), or: "client_build-", build, text)
        store(.clientName, core, 20..<52, text)
        set(.keyboardType, RDPNames.keyboardType(number32(52)), or: "unknown-", number32(52), text)
        set(.keyboardSubtype, number32(56))
        set(.functionKeys, number32(60))
        if core.byteCount >= 136 {
            set(.productID, number16(130))
            set(.serialNumber, number32(132))
        }
        storeColorDepth(core, text)
        if core.byteCount >= 206 { store(.digitalProductID, core, 142..<206, text) }
    }

    /// The newer of the fields for the color depth replace the older ones.
    private func storeColorDepth(_ core: RawSpan, _ text: TextBuffer) {
        var depth: UInt16 = core.littleEndian(UInt16.self, at: 8) == 0xca00 ? 4 : 8
        if core.byteCount >= 138 { depth = core.littleEndian(UInt16.self, at: 136) }
        set(.colorDepth, depth)
        // RNS_UD_CS_WANT_32BPP_SESSION
        if core.byteCount >= 142, core.littleEndian(UInt16.self, at: 140) & 2 != 0 { depth = 32 }
        text.removeAll()
        text.appendDecimal(depth)
        text.append("bit")
        set(.requestedColorDepth, text)
    }

    /// Client Network Data ([MS-RDPBCGR] §2.2.1.3.4): a count, then names of eight bytes with four
    /// bytes of options each.
    private func storeChannels(_ network: RawSpan, _ text: TextBuffer) {
        var offset = 4
        var count = 0
        while network.byteCount &- offset >= 12, count < Self.channelCountMax {
            text.removeAll()
            for index in offset..<offset &+ 8 {
                let byte = network.byte(at: index)
                if byte == 0 { break }
                text.append(byte)
            }
            set(.channels, text)
            offset &+= 12
            count &+= 1
        }
    }

    /// Stores UTF-16 up to its first zero.
    private func store(
        _ field: RDPField, _ bytes: RawSpan, _ range: Range<Int>, _ text: TextBuffer
    ) {
        text.removeAll()
        text.appendUTF16(bytes, range)
        if text.count > 0 { set(field, text) }
    }

    // MARK: Server

    func storeConnectResponse(_ connect: RDPConnect, _ packet: RawSpan, _ text: TextBuffer) {
        setEvent("connect_response")
        if let result = connect.result {
            set(.result, RDPNames.conferenceResult(result), or: "result-", UInt32(result), text)
        }
        guard let security = connect.security else { return }
        storeSecurity(packet.extracting(security), text)
    }

    /// Server Security Data ([MS-RDPBCGR] §2.2.1.4.3).
    private func storeSecurity(_ security: RawSpan, _ text: TextBuffer) {
        guard security.byteCount >= 8 else { return }
        let method = security.littleEndian(UInt32.self, at: 0)
        let level = security.littleEndian(UInt32.self, at: 4)
        set(
            .encryptionMethod, RDPNames.encryptionMethod(method), or: "encryption_method-",
            method, text)
        set(.encryptionLevel, RDPNames.encryptionLevel(level), or: "encryption_level-", level, text)
        guard security.byteCount >= 16 else { return }
        let randomByteCount = Int(security.littleEndian(UInt32.self, at: 8))
        let certificateByteCount = Int(security.littleEndian(UInt32.self, at: 12))
        let offset = 16 &+ randomByteCount
        guard certificateByteCount >= 8, security.byteCount &- offset >= 8 else { return }
        storeCertificate(
            version: security.littleEndian(at: offset),
            next: security.littleEndian(at: offset &+ 4), text)
    }

    /// A server certificate ([MS-RDPBCGR] §2.2.1.4.3.1): its version, whose highest bit marks a
    /// temporary one, and of a chain the count.
    private func storeCertificate(version: UInt32, next count: UInt32, _ text: TextBuffer) {
        let type = version & 0x7fff_ffff
        let name: StaticString? = type == 1 ? "RSA" : type == 2 ? "X.509" : nil
        set(.certificateType, name, or: "cert_type-", type, text)
        set(.isCertificatePermanent, version >> 31 == 0 ? 1 : 0)
        set(.certificateCount, type == 2 ? count : 1)
    }
}

extension TextBuffer {
    /// Appends little-endian UTF-16 up to its first zero as UTF-8; U+FFFD stands for what is none.
    func appendUTF16(_ bytes: RawSpan, _ range: Range<Int>) {
        var offset = range.lowerBound
        while range.upperBound &- offset >= 2 {
            let unit = bytes.littleEndian(UInt16.self, at: offset)
            offset &+= 2
            if unit == 0 { return }
            var scalar = UInt32(unit)
            if unit & 0xfc00 == 0xd800, range.upperBound &- offset >= 2 {
                let low = bytes.littleEndian(UInt16.self, at: offset)
                if low & 0xfc00 == 0xdc00 {
                    scalar = 0x10000 &+ (UInt32(unit & 0x3ff) << 10 | UInt32(low & 0x3ff))
                    offset &+= 2
                }
            }
            let encoded = UTF8.encode(Unicode.Scalar(scalar) ?? "\u{fffd}")
            for byte in encoded ?? UTF8.encodedReplacementCharacter { append(byte) }
        }
    }
}
