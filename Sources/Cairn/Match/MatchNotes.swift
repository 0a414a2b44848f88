/// What matched where while a rule is evaluated, in memory that is used again. Shown in the alert if the rule fires.
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

    /// What a group of an expression matched.
    private struct Label {
        /// Place of its name.
        var name: Int16
        var byteCount: Int
    }

    /// Texts of groups that are kept of one rule, and bytes of each.
    private static let labelCountMax = 16
    private static let labelByteCountMax = 256

    /// Notes of one rule; further ones are not kept.
    static let countMax = 32
    /// Bytes kept of a match.
    static let byteCountMax = 64

    private(set) var count = 0
    /// The test that is being evaluated.
    var test: Int32 = 0
    private let notes: UnsafeMutablePointer<Note>
    private let bytes: UnsafeMutableRawPointer
    private var labelCount = 0
    private let labels: UnsafeMutablePointer<Label>
    private let labelBytes: UnsafeMutableRawPointer

    init() {
        labels = .allocate(capacity: Self.labelCountMax)
        labelBytes = .allocate(
            byteCount: Self.labelCountMax * Self.labelByteCountMax, alignment: 8)
        notes = .allocate(capacity: Self.countMax)
        bytes = .allocate(byteCount: Self.countMax * Self.byteCountMax, alignment: 8)
    }

    deinit {
        notes.deallocate()
        bytes.deallocate()
        labels.deallocate()
        labelBytes.deallocate()
    }

    /// Forgets all of another rule.
    @inline(__always) func begin() {
        count = 0
        labelCount = 0
    }

    /// Keeps the text of a group under a name, in the place of an earlier one of that name.
    func setLabel(_ name: Int16, _ text: UnsafeRawBufferPointer) {
        let known = (0..<labelCount).first { labels[$0].name == name }
        let index = known ?? labelCount
        guard index < Self.labelCountMax else { return }
        if known == nil { labelCount &+= 1 }
        let byteCount = min(text.count, Self.labelByteCountMax)
        if byteCount > 0, let start = text.baseAddress {
            (labelBytes + index &* Self.labelByteCountMax).copyMemory(
                from: start, byteCount: byteCount)
        }
        (labels + index).initialize(to: Label(name: name, byteCount: byteCount))
    }

    /// The texts of groups: the places of their names, and the bytes.
    var labelTexts: [(name: Int, text: [UInt8])] {
        (0..<labelCount).map { index in
            let start = labelBytes + index * Self.labelByteCountMax
            let text = UnsafeRawBufferPointer(start: start, count: labels[index].byteCount)
            return (Int(labels[index].name), Array(text))
        }
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

    /// The kept bytes of a note, until the next rule.
    func text(of note: Note) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: bytes + note.storedOffset, count: note.storedByteCount)
    }
}
