/// Recognises RDP by the opening of its connections.
enum RDPDetection {
    /// Looks at the start of a stream: a connection request or confirm of X.224 §13.3, in a packet
    /// of RFC 1006 §6. Other protocols open like that too; what follows the fixed part is RDP's.
    static func detect(_ start: RawSpan, _ context: DetectionContext) -> Detection {
        guard start.byteCount > 0 else { return .needMore }
        guard start.byte(at: 0) == 3 else { return .no }
        guard start.byteCount >= 6 else { return .needMore }
        let byteCount = Int(start.bigEndian(UInt16.self, at: 2))
        let code = start.byte(at: 5)
        guard start.byte(at: 1) == 0, byteCount >= RDPNegotiation.fixedByteCount,
            Int(start.byte(at: 4)) == byteCount &- 5 || context.isAtPort,
            code == 0xe0 || code == 0xd0
        else { return .no }
        switch judge(start, byteCount, isRequest: code == 0xe0, isAtPort: context.isAtPort) {
        case .yes, .yesReversed:
            return (code == 0xe0) == (context.direction == .toServer) ? .yes : .yesReversed
        case .needMore: return .needMore
        case .no: return .no
        }
    }

    /// Looks at what follows the fixed part.
    private static func judge(
        _ start: RawSpan, _ byteCount: Int, isRequest: Bool, isAtPort: Bool
    ) -> Detection {
        let offset = RDPNegotiation.fixedByteCount
        guard byteCount > offset else { return isAtPort ? .yes : .no }
        guard start.byteCount > offset else { return .needMore }
        let first = start.byte(at: offset)
        if isRequest, first == UInt8(ascii: "C") {
            let word: StaticString = "Cookie: mst"
            guard start.byteCount >= offset &+ word.utf8CodeUnitCount else { return .needMore }
            return start.starts(with: word, at: offset) ? .yes : .no
        }
        let isNegotiation = isRequest ? first == 1 : first == 2 || first == 3
        guard isNegotiation, byteCount >= offset &+ 8 else {
            return isRequest && isAtPort ? .yes : .no
        }
        guard start.byteCount >= offset &+ 4 else { return .needMore }
        return start.littleEndian(UInt16.self, at: offset &+ 2) == 8 ? .yes : .no
    }
}
