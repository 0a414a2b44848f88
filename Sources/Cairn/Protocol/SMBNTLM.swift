/// What an AUTHENTICATE message of NT LAN Manager says about who logs in ([MS-NLMP] §2.2.1.3), as
/// ranges of the bytes that it was found in.
struct SMBNTLM: Equatable {
    /// Bytes of a security blob in which a message is looked for.
    private static let searchedByteCountMax = 4096

    let domain: Range<Int>
    let user: Range<Int>
    let host: Range<Int>
    let isUnicode: Bool
    /// Where the eight bytes of the version stand, if the client says it.
    let versionOffset: Int?

    enum Finding: Equatable {
        case none
        /// A message of another kind: NEGOTIATE (1), CHALLENGE (2).
        case other
        case authenticate(SMBNTLM)
        /// A message that breaks its own lengths.
        case malformed
    }

    /// Looks for a message in a security blob: it may be plain, or stand in SPNEGO tokens (RFC
    /// 4178).
    static func find(in blob: RawSpan) -> Finding {
        let end = min(blob.byteCount, searchedByteCountMax)
        var offset = 0
        while offset &+ 12 <= end {
            if blob.byte(at: offset) == 0x4e, blob.starts(with: "NTLMSSP\0", at: offset) {
                guard blob.littleEndian(UInt32.self, at: offset &+ 8) == 3 else { return .other }
                return SMBNTLM(decoding: blob, at: offset).map { .authenticate($0) } ?? .malformed
            }
            offset &+= 1
        }
        return .none
    }

    /// Reads the message at an offset; nil if a part of it lies outside.
    private init?(decoding blob: RawSpan, at offset: Int) {
        // Behind the signature and the type: two responses, then domain, user, host, session key;
        // each is a length, a room, an offset from the start of the message. Then flags.
        guard offset &+ 64 <= blob.byteCount else { return nil }
        func part(_ place: Int) -> Range<Int>? {
            let count = Int(blob.littleEndian(UInt16.self, at: offset &+ place))
            let start = Int(blob.littleEndian(UInt32.self, at: offset &+ place &+ 4))
            return count == 0 ? offset..<offset : blob.place(offset &+ start, count)
        }
        guard let domain = part(28), let user = part(36), let host = part(44) else { return nil }
        self.domain = domain
        self.user = user
        self.host = host
        let flags = blob.littleEndian(UInt32.self, at: offset &+ 60)
        isUnicode = flags & 1 != 0
        let hasVersion = flags & 0x0200_0000 != 0 && offset &+ 72 <= blob.byteCount
        versionOffset = hasVersion ? offset &+ 64 : nil
    }
}

extension Transaction {
    /// Stores who logs in, from the security blob of a session setup.
    ///
    /// - Returns: what is wrong with the message.
    func storeLogin(_ blob: RawSpan, _ output: ParserOutput) -> SMB.Anomaly? {
        switch SMBNTLM.find(in: blob) {
        case .none, .other: return nil
        case .malformed: return .malformedNTLMSSPRequest
        case .authenticate(let message):
            set(.user, blob, message.user, isUnicode: message.isUnicode, output)
            set(.domain, blob, message.domain, isUnicode: message.isUnicode, output)
            set(.host, blob, message.host, isUnicode: message.isUnicode, output)
            guard let offset = message.versionOffset else { return nil }
            output.text.removeAll()
            output.text.appendDecimal(blob.byte(at: offset))
            output.text.append(".")
            output.text.appendDecimal(blob.byte(at: offset &+ 1))
            output.text.append(" build ")
            output.text.appendDecimal(blob.littleEndian(UInt16.self, at: offset &+ 2))
            output.text.append(" rev ")
            output.text.appendDecimal(blob.byte(at: offset &+ 7))
            set(.clientSystem, output.text)
            return nil
        }
    }
}
