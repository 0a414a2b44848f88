/// What matched where while a rule is evaluated, in memory that is used again. Becomes `Alert.matches` if the rule fires.
final class MatchNotes {
    struct Note {
        /// Index of the test into the rule program.
        var test: Int32
        var offset: Int
        var byteCount: Int
        /// Where its bytes are in `bytes`, and how many of them were kept.
        var storedOffset: Int
        var storedByteCount: Int
    }

    /// Notes of one rule; further ones are not kept.
    static let countMax = 32
    /// Bytes kept of a match.
    static let byteCountMax = 64

    private(set) var count = 0
    /// The test that is being evaluated.
    var test: Int32 = 0
    private let notes: UnsafeMutablePointer<Note>
    private let bytes: UnsafeMutableRawPointer

    init() {
        notes = .allocate(capacity: Self.countMax)
        bytes = .allocate(byteCount: Self.countMax * Self.byteCountMax, alignment: 8)
    }

    deinit {
        notes.deallocate()
        bytes.deallocate()
    }

    /// Forgets the notes behind the first `count`.
    @inline(__always) func truncate(to count: Int) { self.count = count }

    /// Notes that a part of a text matched.
    ///
    /// - Parameter base: bytes before the text that offsets count too.
    func add(_ text: UnsafeRawBufferPointer, _ range: Range<Int>, base: Int = 0) {
        guard count < Self.countMax else { return }
        let stored = min(range.count, Self.byteCountMax, max(0, text.count &- range.lowerBound))
        let storedOffset = count &* Self.byteCountMax
        if stored > 0, let start = text.baseAddress {
            (bytes + storedOffset).copyMemory(
                from: start + range.lowerBound, byteCount: stored)
        }
        (notes + count).initialize(
            to: Note(
                test: test, offset: base &+ range.lowerBound, byteCount: range.count,
                storedOffset: storedOffset, storedByteCount: stored))
        count &+= 1
    }

    subscript(index: Int) -> Note {
        precondition(index >= 0 && index < count)
        return notes[index]
    }

    /// The kept bytes of a note.
    func text(of note: Note) -> [UInt8] {
        Array(
            UnsafeRawBufferPointer(
                start: bytes + note.storedOffset, count: note.storedByteCount))
    }
}
