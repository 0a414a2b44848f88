/// The first message of each end: an X.224 connection request or confirm with what RDP puts into
/// it ([MS-RDPBCGR] §2.2.1.1, §2.2.1.2); ranges count in the packet's bytes.
struct RDPNegotiation {
    /// Bytes of the packet header (RFC 1006 §6) and the fixed part (X.224 §13.3).
    static let fixedByteCount = 11
    /// Structures behind the cookie that are looked at; two are defined.
    private static let structureCountMax = 4

    /// The line in front: a cookie with a user name, or a token for a load balancer.
    private(set) var cookie: Range<Int>?
    private(set) var routingToken: Range<Int>?
    /// Type 1 request, 2 response, 3 failure, with its flags and the number in it.
    private(set) var type: UInt8 = 0
    private(set) var flags: UInt8 = 0
    private(set) var value: UInt32 = 0

    /// Decodes a packet of at least `fixedByteCount` bytes; nil if it is not in order.
    init?(decoding packet: RawSpan) {
        guard packet.byteCount >= Self.fixedByteCount else { return nil }
        var offset = Self.fixedByteCount
        readLine(packet, &offset)
        var count = 0
        while offset < packet.byteCount, count < Self.structureCountMax {
            count &+= 1
            guard packet.byteCount &- offset >= 4 else { return nil }
            let type = packet.byte(at: offset)
            let byteCount = Int(packet.littleEndian(UInt16.self, at: offset &+ 2))
            guard byteCount >= 4, byteCount <= packet.byteCount &- offset else { return nil }
            if (1...3).contains(type) {
                guard byteCount == 8 else { return nil }
                self.type = type
                flags = packet.byte(at: offset &+ 1)
                value = packet.littleEndian(UInt32.self, at: offset &+ 4)
            }
            offset &+= byteCount
        }
    }

    /// Reads a line of text, if one is in front of the structures.
    private mutating func readLine(_ packet: RawSpan, _ offset: inout Int) {
        let start = offset
        guard start < packet.byteCount, packet.byte(at: start) >= 0x20 else { return }
        var end = start
        while end < packet.byteCount, packet.byte(at: end) != 0x0d, packet.byte(at: end) != 0x0a {
            end &+= 1
        }
        offset = end
        while offset < packet.byteCount, offset &- end < 2,
            packet.byte(at: offset) == 0x0d || packet.byte(at: offset) == 0x0a
        {
            offset &+= 1
        }
        let word: StaticString = "Cookie: mstshash="
        if packet.starts(with: word, at: start) {
            cookie = start &+ word.utf8CodeUnitCount..<end
        } else {
            routingToken = start..<end
        }
    }
}

/// What an end says about itself when neither TLS nor CredSSP is agreed on: the blocks of settings
/// in an MCS Connect Initial or Connect Response ([MS-RDPBCGR] §2.2.1.3, §2.2.1.4; ITU-T T.125 §7,
/// T.124 §8.7); ranges count in the packet's bytes.
struct RDPConnect {
    /// Blocks that are looked at; a client has eleven kinds, a server five.
    private static let blockCountMax = 32

    /// The contents of blocks, without their headers.
    private(set) var core: Range<Int>?
    private(set) var security: Range<Int>?
    private(set) var network: Range<Int>?
    /// Of a server: what came of the conference (T.124 §8.7).
    private(set) var result: UInt8?

    /// Decodes a packet; what was decoded before a flaw stays.
    ///
    /// - Returns: whether it is in order.
    mutating func decode(_ packet: RawSpan, isRequest: Bool) -> Bool {
        // Packet header, X.224 Data with its end mark, then an application tag of two bytes: 101 of
        // the client, 102 of the server.
        guard packet.byteCount > 9, packet.byte(at: 4) == 2, packet.byte(at: 5) == 0xf0,
            packet.byte(at: 7) == 0x7f, packet.byte(at: 8) == (isRequest ? 0x65 : 0x66),
            let userData = Self.userData(packet, from: 8, isRequest: isRequest),
            let blocks = decodeConference(packet, userData, isRequest: isRequest)
        else { return false }
        return decodeBlocks(packet, blocks, isRequest: isRequest)
    }

    /// The last part of the MCS message: behind selectors, a flag and three sets of parameters of
    /// the client, a result, a number and parameters of the server.
    private static func userData(
        _ packet: RawSpan, from offset: Int, isRequest: Bool
    ) -> Range<Int>? {
        let tags: [UInt8] =
            isRequest ? [0x04, 0x04, 0x01, 0x30, 0x30, 0x30, 0x04] : [0x0a, 0x02, 0x30, 0x04]
        var outer = DERReader(offset..<packet.byteCount)
        guard let message = try? outer.next(packet) else { return nil }
        var reader = DERReader(message.content)
        var content: Range<Int>?
        for tag in tags {
            guard let element = try? reader.next(packet, tag: tag, or: .der) else { return nil }
            content = element.content
        }
        return content
    }

    /// Reads the ConnectData of T.124, packed: its key, then a request or response to create a
    /// conference, whose user data are the blocks.
    private mutating func decodeConference(
        _ packet: RawSpan, _ range: Range<Int>, isRequest: Bool
    ) -> Range<Int>? {
        let key: [UInt8] = [0x00, 0x05, 0x00, 0x14, 0x7c, 0x00, 0x01]
        var offset = range.lowerBound
        guard range.count > 32, key.indices.allSatisfy({ packet.byte(at: offset &+ $0) == key[$0] })
        else { return nil }
        offset &+= key.count
        guard Self.packedLength(packet, &offset, range.upperBound) != nil else { return nil }
        let headByteCount = isRequest ? 8 : 9
        let word: StaticString = isRequest ? "Duca" : "McDn"
        guard range.upperBound &- offset > headByteCount &+ 6,
            packet.starts(with: word, at: offset &+ headByteCount)
        else { return nil }
        if !isRequest { result = packet.byte(at: offset &+ 5) >> 4 & 7 }
        offset &+= headByteCount &+ 4
        guard let byteCount = Self.packedLength(packet, &offset, range.upperBound) else {
            return nil
        }
        return offset..<min(range.upperBound, offset &+ byteCount)
    }

    /// A length of one byte, or of two with the highest bit set (ITU-T X.691 §11.9).
    private static func packedLength(_ packet: RawSpan, _ offset: inout Int, _ end: Int) -> Int? {
        guard end &- offset >= 2 else { return nil }
        let first = packet.byte(at: offset)
        guard first & 0x80 != 0 else {
            offset &+= 1
            return Int(first)
        }
        guard first & 0x40 == 0 else { return nil }
        offset &+= 2
        return Int(packet.bigEndian(UInt16.self, at: offset &- 2) & 0x3fff)
    }

    /// Reads blocks of a type, a length that counts all of it, and a content.
    private mutating func decodeBlocks(
        _ packet: RawSpan, _ range: Range<Int>, isRequest: Bool
    ) -> Bool {
        var offset = range.lowerBound
        var count = 0
        while offset < range.upperBound, count < Self.blockCountMax {
            count &+= 1
            guard range.upperBound &- offset >= 4 else { return false }
            let type = packet.littleEndian(UInt16.self, at: offset)
            let byteCount = Int(packet.littleEndian(UInt16.self, at: offset &+ 2))
            guard byteCount >= 4, byteCount <= range.upperBound &- offset else { return false }
            let content = offset &+ 4..<offset &+ byteCount
            switch (isRequest, type) {
            case (true, 0xc001), (false, 0x0c01): core = content
            case (true, 0xc002), (false, 0x0c02): security = content
            case (true, 0xc003), (false, 0x0c03): network = content
            default: break
            }
            offset &+= byteCount
        }
        return true
    }
}
