/// Recognises DNS messages by their content.
enum DNSDetection {
    /// Length from which on a stream's first message is only DNS at DNS's ports; Telnet's commands
    /// would begin such a one.
    private static let strangeByteCount = 0x8000

    /// Looks at a datagram, or at the start of a stream, where a two-byte length precedes each
    /// message (RFC 1035 §4.2.2).
    static func detect(_ start: RawSpan, _ context: DetectionContext) -> Detection {
        if context.isDatagram {
            return judge(start, messageByteCount: start.byteCount, context)
        }
        guard start.byteCount >= 2 else { return .needMore }
        let byteCount = Int(start.bigEndian(UInt16.self, at: 0))
        guard byteCount >= DNSHeader.byteCount,
            context.isAtPort || byteCount < strangeByteCount
        else { return .no }
        let available = min(byteCount, start.byteCount &- 2)
        return judge(
            start.extracting(2..<2 &+ available), messageByteCount: byteCount, context)
    }

    /// `message` holds the first bytes of a message of `messageByteCount`.
    private static func judge(
        _ message: RawSpan, messageByteCount: Int, _ context: DetectionContext
    ) -> Detection {
        guard let header = DNSHeader(decoding: message) else {
            guard message.byteCount < messageByteCount else { return .no }
            // Others wait for this: most of what is no DNS shows it early.
            return context.isAtPort || canBegin(message, messageByteCount) ? .needMore : .no
        }
        guard header.fits(messageByteCount: messageByteCount, mayBeCut: context.isAtPort) else {
            return .no
        }
        if !context.isAtPort, !header.isOrdinary { return .no }
        if header.questionCount > 0 {
            switch judgeQuestion(message, isStrict: !context.isAtPort) {
            case .no: return .no
            case .needMore:
                if message.byteCount < messageByteCount { return .needMore }
                // A datagram cut short is still DNS where DNS is expected.
                if !context.isAtPort { return .no }
            case .yes, .yesReversed: break
            }
        }
        return header.isResponse == (context.direction == .toClient) ? .yes : .yesReversed
    }

    /// Whether the bytes that are there of a header can become an ordinary one: those that are
    /// missing are taken for its smallest.
    private static func canBegin(_ message: RawSpan, _ messageByteCount: Int) -> Bool {
        func byte(_ index: Int, else missing: UInt8 = 0) -> UInt16 {
            UInt16(index < message.byteCount ? message.byte(at: index) : missing)
        }
        let flags = byte(2) << 8 | byte(3)
        let questions = byte(4) << 8 | byte(5, else: byte(4) == 0 ? 1 : 0)
        let header = DNSHeader(
            id: 0, flags: flags, questionCount: questions, answerCount: byte(6) << 8 | byte(7),
            authorityCount: byte(8) << 8 | byte(9), additionalCount: byte(10) << 8 | byte(11))
        return header.isOrdinary && header.fits(messageByteCount: messageByteCount, mayBeCut: false)
    }

    /// Looks at the first question: a name, a type and a class.
    private static func judgeQuestion(_ message: RawSpan, isStrict: Bool) -> Detection {
        var position = DNSHeader.byteCount
        let nameStart = position
        while true {
            guard position < message.byteCount else { return .needMore }
            let length = Int(message.byte(at: position))
            if length == 0 { break }
            guard length < 0x40 else { return .no }
            let end = min(message.byteCount, position &+ 1 &+ length)
            var index = position &+ 1
            while isStrict, index < end {
                guard message.byte(at: index) > 0x20, message.byte(at: index) != 0x7f else {
                    return .no
                }
                index &+= 1
            }
            position &+= 1 &+ length
            guard position <= message.byteCount else { return .needMore }
            // So many well-formed labels are a name, be it too long.
            if position &- nameStart > 255 { return .yes }
        }
        guard position &+ 5 <= message.byteCount else { return .needMore }
        guard isStrict else { return .yes }
        if isNetBIOSName(message) { return .no }
        let type = message.bigEndian(UInt16.self, at: position &+ 1)
        let value = message.bigEndian(UInt16.self, at: position &+ 3)
        return DNSNumbers.typeName(type) != nil && DNSNumbers.className(value) != nil ? .yes : .no
    }

    /// Names of the NetBIOS name service have 32 letters from A to P (RFC 1001 §14.1): another
    /// protocol with messages of the same form.
    private static func isNetBIOSName(_ message: RawSpan) -> Bool {
        let start = DNSHeader.byteCount
        guard message.byte(at: start) == 32 else { return false }
        for index in start &+ 1...start &+ 32 where message.byte(at: index) &- 0x41 >= 16 {
            return false
        }
        return true
    }
}
