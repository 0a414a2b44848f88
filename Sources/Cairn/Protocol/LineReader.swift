/// Cuts the bytes of one direction into lines, for protocols that are made of them.
///
/// A line is handed out in pieces of at most `byteCountMax` bytes, cut at the same places however
/// the bytes come; that is also all that is kept of an unfinished one.
final class LineReader {
    /// Bytes of a line, or a part of it, without its end.
    struct Piece {
        var bytes: UnsafeRawBufferPointer
        /// It begins a line, and it ends one.
        var isStart: Bool
        var isEnd: Bool
    }

    private let byteCountMax: Int
    private let partial = HTTPBuffer()
    private var isInLine = false
    private var isHandedOut = false
    /// The beginning of the present line is missing.
    private var isLost = false

    init(byteCountMax: Int) { self.byteCountMax = byteCountMax }

    func reset() {
        partial.removeAll()
        isInLine = false
        isHandedOut = false
        isLost = false
    }

    /// Bytes are missing: what comes up to the end of a line is not handed out.
    func lose() {
        reset()
        isLost = true
    }

    /// The next piece, valid until the next call; nil if it is not all there, and then everything
    /// was taken.
    func next(_ bytes: UnsafeRawBufferPointer, at position: inout Int) -> Piece? {
        while let piece = cut(bytes, at: &position) {
            guard isLost else { return piece }
            isLost = !piece.isEnd
        }
        return nil
    }

    private func cut(_ bytes: UnsafeRawBufferPointer, at position: inout Int) -> Piece? {
        if isHandedOut {
            partial.truncate(to: 0)
            isHandedOut = false
        }
        guard position < bytes.count else { return nil }
        let room = byteCountMax &- partial.count
        let window = UnsafeRawBufferPointer(
            rebasing: bytes[position..<min(bytes.count, position &+ room)])
        let feed = window.bytes.index(of: ASCII.lineFeed)
        let taken = feed.map { $0 &+ 1 } ?? window.count
        position &+= taken
        let isWhole = feed != nil || taken == room
        if partial.isEmpty, isWhole {
            return piece(UnsafeRawBufferPointer(rebasing: window[..<taken]), feed != nil)
        }
        partial.append(UnsafeRawBufferPointer(rebasing: window[..<taken]))
        guard isWhole else { return nil }
        isHandedOut = true
        return piece(partial.bytes, feed != nil)
    }

    /// What is left of a line that does not end.
    func rest() -> Piece? {
        guard partial.count > 0, !isHandedOut, !isLost else { return nil }
        isHandedOut = true
        return piece(partial.bytes, true)
    }

    private func piece(_ bytes: UnsafeRawBufferPointer, _ isEnd: Bool) -> Piece {
        var end = bytes.count
        if isEnd, end > 0, bytes[end &- 1] == ASCII.lineFeed { end &-= 1 }
        if isEnd, end > 0, bytes[end &- 1] == ASCII.carriageReturn { end &-= 1 }
        defer { isInLine = !isEnd }
        return Piece(
            bytes: UnsafeRawBufferPointer(rebasing: bytes[..<end]), isStart: !isInLine,
            isEnd: isEnd)
    }
}
