/// Recognises Kerberos messages by their content.
enum KerberosDetection {
    /// Looks at a datagram, or at the start of a stream, where a four-byte length precedes each
    /// message (RFC 4120 §7.2.2).
    static func detect(_ start: RawSpan, _ context: DetectionContext) -> Detection {
        if context.isDatagram {
            return judge(start, messageByteCount: start.byteCount, context.direction)
        }
        guard start.byteCount >= 4 else {
            return start.byteCount == 0 || start.byte(at: 0) == 0 ? .needMore : .no
        }
        let byteCount = Int(start.bigEndian(UInt32.self, at: 0))
        guard byteCount > 0, byteCount <= KerberosParser.messageByteCountMax else { return .no }
        let available = min(byteCount, start.byteCount &- 4)
        return judge(
            start.extracting(4..<4 &+ available), messageByteCount: byteCount, context.direction)
    }

    /// `message` holds the first bytes of a message of `messageByteCount`: an application tag, a
    /// SEQUENCE, the version 5, and the type that the tag says.
    private static func judge(
        _ message: RawSpan, messageByteCount: Int, _ direction: Direction
    ) -> Detection {
        let isWhole = message.byteCount == messageByteCount
        guard message.byteCount > 0 else { return isWhole ? .no : .needMore }
        guard let kind = KerberosMessage.Kind(tag: message.byte(at: 0)) else { return .no }
        // The fields count from [1] in requests, from [0] in all others.
        let first: UInt8 = kind.isRequest ? 0xa1 : 0xa0
        var position = 0
        for step in [
            Step(tag: message.byte(at: 0)), Step(tag: 0x30), Step(tag: first),
            Step(tag: 0x02, value: 5), Step(tag: first &+ 1),
            Step(tag: 0x02, value: kind.rawValue),
        ] {
            switch step.read(message, at: &position, end: messageByteCount) {
            case .yes, .yesReversed: break
            case .no: return .no
            case .needMore: return isWhole ? .no : .needMore
            }
        }
        return kind.isRequest == (direction == .toServer) ? .yes : .yesReversed
    }

    /// A tag and a length, and perhaps a content of one byte.
    private struct Step {
        var tag: UInt8
        var value: UInt8?

        func read(_ message: RawSpan, at position: inout Int, end: Int) -> Detection {
            guard message.byteCount &- position >= 2 else { return .needMore }
            guard message.byte(at: position) == tag else { return .no }
            var length = Int(message.byte(at: position &+ 1))
            position &+= 2
            if length >= 0x80 {
                let lengthByteCount = length & 0x7f
                guard (1...4).contains(lengthByteCount) else { return .no }
                guard message.byteCount &- position >= lengthByteCount else { return .needMore }
                length = 0
                for _ in 0..<lengthByteCount {
                    length = length << 8 | Int(message.byte(at: position))
                    position &+= 1
                }
            }
            guard length > 0, length <= end &- position else { return .no }
            guard let value else { return .yes }
            guard position < message.byteCount else { return .needMore }
            guard length == 1, message.byte(at: position) == value else { return .no }
            position &+= 1
            return .yes
        }
    }
}
