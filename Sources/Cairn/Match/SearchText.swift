#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A literal of a rule, as texts are compared with it and searched for it. Its bytes lie in memory of the compiled rules.
struct SearchText {
    /// Letters are small where case is ignored.
    private let bytes: UnsafePointer<UInt8>
    let byteCount: Int
    private let ignoresCase: Bool
    /// Where its rarest byte stands: what a search looks for.
    private let rareOffset: Int
    private let rareByte: UInt8
    /// The rare byte is a letter that may be a capital too.
    private let isRareLetter: Bool

    init(_ text: [UInt8], ignoresCase: Bool, in arena: Arena) {
        let folded = ignoresCase ? text.map(\.asciiLowercased) : text
        let memory = arena.allocate(byteCount: max(1, folded.count))
        memory.copyBytes(from: folded)
        bytes = UnsafePointer(memory.bindMemory(to: UInt8.self).baseAddress.unsafelyUnwrapped)
        byteCount = folded.count
        self.ignoresCase = ignoresCase
        let model = GramModel.shared
        let rarities = folded.indices.map { model.rarity(of: folded[$0...$0]) }
        rareOffset = rarities.indices.max { rarities[$0] < rarities[$1] } ?? 0
        rareByte = folded.isEmpty ? 0 : folded[rareOffset]
        isRareLetter = ignoresCase && rareByte.isASCIILetter
    }

    /// Whether it stands at an offset of a text; false where it would reach outside.
    @inline(__always) func isFound(in text: UnsafeRawBufferPointer, at offset: Int) -> Bool {
        guard offset >= 0, byteCount <= text.count &- offset else { return false }
        return isFound(atFitting: offset, text)
    }

    private func isFound(atFitting offset: Int, _ text: UnsafeRawBufferPointer) -> Bool {
        guard byteCount > 0 else { return true }
        let start = text.baseAddress.unsafelyUnwrapped + offset
        guard ignoresCase else { return memcmp(start, bytes, byteCount) == 0 }
        for index in 0..<byteCount {
            let byte = start.load(fromByteOffset: index, as: UInt8.self)
            guard byte.asciiLowercased == bytes[index] else { return false }
        }
        return true
    }

    /// The first offset from `start` at which it stands and ends at `end` or before; nil if there is none.
    func firstOffset(
        in text: UnsafeRawBufferPointer, from start: Int, to end: Int
    ) -> Int? {
        let last = min(end, text.count) &- byteCount
        var offset = max(0, start)
        guard byteCount > 0 else { return offset <= last ? offset : nil }
        while offset <= last {
            guard
                let rare = rareOffset(in: text, from: offset &+ rareOffset, to: last &+ rareOffset)
            else { return nil }
            offset = rare &- rareOffset
            if isFound(atFitting: offset, text) { return offset }
            offset &+= 1
        }
        return nil
    }

    /// The first place of the rare byte in `start...last`, both inside the text.
    @inline(__always)
    private func rareOffset(in text: UnsafeRawBufferPointer, from start: Int, to last: Int) -> Int?
    {
        let base = text.baseAddress.unsafelyUnwrapped
        guard isRareLetter else {
            let found = memchr(base + start, Int32(rareByte), last &- start &+ 1)
            return found.map { UnsafeRawPointer($0) - base }
        }
        return firstLetter(base, from: start, to: last)
    }

    /// The first capital or small form of the rare letter, looking at eight bytes at a time.
    @inline(__always)
    private func firstLetter(_ base: UnsafeRawPointer, from start: Int, to last: Int) -> Int? {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let wanted = ones &* UInt64(rareByte)
        var offset = start
        while offset &+ 7 <= last {
            let word = UInt64(
                littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            // Bytes that are equal become zero; the lowest zero byte is marked exactly.
            let difference = (word | ones &* 0x20) ^ wanted
            let zeros = (difference &- ones) & ~difference & (ones &* 0x80)
            if zeros != 0 { return offset &+ zeros.trailingZeroBitCount &>> 3 }
            offset &+= 8
        }
        while offset <= last {
            if base.load(fromByteOffset: offset, as: UInt8.self) | 0x20 == rareByte {
                return offset
            }
            offset &+= 1
        }
        return nil
    }
}
