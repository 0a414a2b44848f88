/// Cuts one direction of a stream into SMB messages.
///
/// A frame of the session service (RFC 1002 §4.3.1; [MS-SMB2] §2.1) has four bytes of type and
/// length in front; it holds one SMB 1 message, or SMB 2 messages of which each says where the next
/// begins. Of a message the first `keptByteCountMax` bytes are handed on, what is behind them (the
/// data of large reads and writes) is passed over.
struct SMBFraming {
    /// Bytes of a message that are looked at.
    static let keptByteCountMax = 65_536 + 1024
    /// Bytes that are needed to know where a message ends: those of an SMB 2 header up to the
    /// offset of the next message.
    private static let startByteCount = 24

    enum Step {
        /// All bytes were used, or more is to be done with the rest.
        case goOn
        /// A message lies in the bytes at hand; it is `byteCount` long, of which some may be left
        /// out.
        case inPlace(Range<Int>, byteCount: Int)
        /// A message was put together in `message`.
        case collected(byteCount: Int)
        /// What follows is no frame.
        case malformed
    }

    private enum Stage {
        /// In the header of a frame.
        case frame
        /// In a message.
        case message
        /// In bytes that are passed over.
        case skipping
        /// Where frames begin is not known.
        case lost
    }

    private var stage: Stage = .frame
    /// The last bytes seen, the newest lowest: of the frame's header, or of the search for one.
    private var window: UInt64 = 0
    private var windowByteCount = 0
    /// Bytes of the frame from the beginning of the current message on.
    private var frameByteCount = 0
    private var skippedByteCount = 0
    /// The beginning of a message.
    private(set) var message: [UInt8] = []
    /// The next message is the first of its frame.
    private(set) var isFirst = true

    /// Makes it as new.
    mutating func forget() {
        message.removeAll(keepingCapacity: true)
        let kept = message
        self = SMBFraming()
        message = kept
    }

    /// Takes bytes from a position on, up to the end of the next message at most.
    mutating func step(_ bytes: RawSpan, _ position: inout Int) -> Step {
        switch stage {
        case .frame: return readFrame(bytes, &position)
        case .message: return readMessage(bytes, &position)
        case .skipping:
            let count = min(skippedByteCount, bytes.byteCount &- position)
            skippedByteCount &-= count
            position &+= count
            if skippedByteCount == 0 { stage = frameByteCount > 0 ? .message : .frame }
        case .lost: search(bytes, &position)
        }
        return .goOn
    }

    /// Says that the message of the last step has been read.
    mutating func endMessage() {
        message.removeAll(keepingCapacity: true)
        isFirst = false
    }

    // MARK: Frames

    private mutating func readFrame(_ bytes: RawSpan, _ position: inout Int) -> Step {
        while position < bytes.byteCount, windowByteCount < 4 {
            window = window << 8 | UInt64(bytes.byte(at: position))
            windowByteCount &+= 1
            position &+= 1
        }
        guard windowByteCount == 4 else { return .goOn }
        let byteCount = Int(window & 0xff_ffff)
        let type = UInt8(truncatingIfNeeded: window >> 24)
        window = 0
        windowByteCount = 0
        switch type {
        case 0 where byteCount > 0: beginFrame(byteCount)
        case 0, 0x85: break
        // The request for a session with two names, and its answers.
        case 0x81...0x84 where byteCount <= 1024: skip(byteCount)
        default:
            stage = .lost
            return .malformed
        }
        return .goOn
    }

    private mutating func beginFrame(_ byteCount: Int) {
        frameByteCount = byteCount
        isFirst = true
        stage = .message
    }

    private mutating func skip(_ byteCount: Int) {
        skippedByteCount = byteCount
        if byteCount > 0 { stage = .skipping }
    }

    // MARK: Messages

    private mutating func readMessage(_ bytes: RawSpan, _ position: inout Int) -> Step {
        let available = bytes.byteCount &- position
        let startByteCount = min(frameByteCount, Self.startByteCount)
        if message.isEmpty, available >= startByteCount {
            let byteCount = messageByteCount(bytes, at: position)
            let kept = min(byteCount, Self.keptByteCountMax)
            if available >= kept {
                let range = position..<position &+ kept
                position &+= kept
                leave(byteCount, kept)
                return .inPlace(range, byteCount: byteCount)
            }
        }
        collect(bytes, &position, upTo: startByteCount)
        guard message.count >= startByteCount else { return .goOn }
        let byteCount = message.withUnsafeBytes { messageByteCount($0.bytes, at: 0) }
        let kept = min(byteCount, Self.keptByteCountMax)
        collect(bytes, &position, upTo: kept)
        guard message.count >= kept else { return .goOn }
        leave(byteCount, kept)
        return .collected(byteCount: byteCount)
    }

    private mutating func collect(_ bytes: RawSpan, _ position: inout Int, upTo byteCount: Int) {
        let count = min(byteCount &- message.count, bytes.byteCount &- position)
        guard count > 0 else { return }
        bytes.extracting(position..<position &+ count).withUnsafeBytes {
            message.append(contentsOf: $0)
        }
        position &+= count
    }

    /// Bytes of the message that begins at an offset, where those of its start are. An SMB 2
    /// message whose next one would lie within its header, or outside the frame, has all the rest.
    private func messageByteCount(_ bytes: RawSpan, at offset: Int) -> Int {
        guard frameByteCount >= Self.startByteCount, bytes.byte(at: offset) == 0xfe else {
            return frameByteCount
        }
        let next = Int(bytes.littleEndian(UInt32.self, at: offset &+ 20))
        return next >= SMB2Header.byteCount && next < frameByteCount ? next : frameByteCount
    }

    /// Goes on behind a message.
    private mutating func leave(_ byteCount: Int, _ kept: Int) {
        frameByteCount &-= byteCount
        stage = frameByteCount > 0 ? .message : .frame
        skip(byteCount &- kept)
    }

    // MARK: Gaps

    /// Bytes are missing: the message that they belong to is lost, and those behind it in the same
    /// frame; if they reach beyond the frame, the next one is searched for.
    mutating func skip(gap byteCount: UInt64) {
        let rest: Int
        switch stage {
        case .frame, .lost: rest = 0
        case .message: rest = frameByteCount &- message.count
        case .skipping: rest = skippedByteCount &+ frameByteCount
        }
        forget()
        if byteCount > UInt64(rest) {
            stage = .lost
        } else {
            skip(rest &- Int(truncatingIfNeeded: byteCount))
        }
    }

    /// Looks for the header of a frame with that of an SMB message behind it.
    private mutating func search(_ bytes: RawSpan, _ position: inout Int) {
        while position < bytes.byteCount {
            window = window << 8 | UInt64(bytes.byte(at: position))
            windowByteCount &+= 1
            position &+= 1
            guard windowByteCount >= 8, window & 0xff00_0000_00ff_ffff == 0x53_4d42,
                UInt8(truncatingIfNeeded: window >> 24) >= 0xfc
            else { continue }
            let byteCount = Int(window >> 32)
            guard byteCount >= SMB1Header.byteCount else { continue }
            for shift in [24, 16, 8, 0] as [UInt64] {
                message.append(UInt8(truncatingIfNeeded: window >> shift))
            }
            window = 0
            windowByteCount = 0
            return beginFrame(byteCount)
        }
    }
}

/// Recognises SMB by its first frame.
enum SMBDetection {
    static func detect(_ start: RawSpan, _ direction: Direction) -> Detection {
        guard start.byteCount >= 1 else { return .needMore }
        switch start.byte(at: 0) {
        case 0: return detectMessage(start, direction)
        case 0x81: return detectSessionRequest(start, direction)
        default: return .no
        }
    }

    /// A frame with an SMB message that says which end it is from; one that is encrypted does not.
    private static func detectMessage(_ start: RawSpan, _ direction: Direction) -> Detection {
        for index in 0..<min(3, max(0, start.byteCount &- 5))
        where start.byte(at: 5 &+ index) != [0x53, 0x4d, 0x42][index] {
            return .no
        }
        guard start.byteCount >= 5 else { return .needMore }
        let version = start.byte(at: 4)
        guard version >= 0xfc, start.bigEndian24(at: 1) >= SMB1Header.byteCount else { return .no }
        guard version == 0xff || version == 0xfe else {
            return start.byteCount >= 8 ? .yes : .needMore
        }
        let flagsOffset = version == 0xff ? 4 &+ 9 : 4 &+ 16
        guard start.byteCount > flagsOffset else { return .needMore }
        let isResponse = start.byte(at: flagsOffset) & (version == 0xff ? 0x80 : 1) != 0
        return isResponse == (direction == .toClient) ? .yes : .yesReversed
    }

    /// The request for a session: two encoded names of 34 bytes (RFC 1002 §4.3.2).
    private static func detectSessionRequest(
        _ start: RawSpan, _ direction: Direction
    ) -> Detection {
        for (index, byte) in ([0x81, 0, 0, 0x44, 0x20] as [UInt8]).enumerated() {
            guard index < start.byteCount else { return .needMore }
            guard start.byte(at: index) == byte else { return .no }
        }
        return direction == .toServer ? .yes : .yesReversed
    }
}
