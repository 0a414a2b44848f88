import CIntrinsics

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
    /// Its two rarest bytes, or its only one twice: what a search looks for.
    private let rarest: (RareByte, RareByte)

    /// A byte of the text, and where it stands.
    private struct RareByte {
        let offset: Int
        let value: UInt8
        /// 0x20 if it is a letter that may be a capital too, else 0.
        let fold: UInt8

        @inline(__always) func stands(at start: UnsafeRawPointer) -> Bool {
            start.load(fromByteOffset: offset, as: UInt8.self) | fold == value
        }
    }

    init(_ text: [UInt8], ignoresCase: Bool, in arena: Arena) {
        let folded = ignoresCase ? text.map(\.asciiLowercased) : text
        let memory = arena.allocate(byteCount: max(1, folded.count))
        memory.copyBytes(from: folded)
        bytes = UnsafePointer(memory.bindMemory(to: UInt8.self).baseAddress.unsafelyUnwrapped)
        byteCount = folded.count
        self.ignoresCase = ignoresCase
        func rareByte(besides other: Int?) -> RareByte {
            var (offset, rarity) = (0, -1)
            for index in folded.indices where index != other {
                let own = GramModel.shared.rarity(of: folded[index])
                if own > rarity { (offset, rarity) = (index, own) }
            }
            let value = folded.isEmpty ? 0 : folded[offset]
            return RareByte(
                offset: offset, value: value, fold: ignoresCase && value.isASCIILetter ? 0x20 : 0)
        }
        let first = rareByte(besides: nil)
        rarest = (first, rareByte(besides: first.offset))
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
        guard byteCount > 0, offset <= last else { return offset <= last ? offset : nil }
        let base = text.baseAddress.unsafelyUnwrapped
        while offset &+ 15 <= last {
            let skipped = countBefore(base + offset)
            offset &+= skipped
            guard skipped < 16 else { continue }
            if isFound(atFitting: offset, text) { return offset }
            offset &+= 1
        }
        while offset <= last {
            let place = base + offset
            if rarest.0.stands(at: place), rarest.1.stands(at: place),
                isFound(atFitting: offset, text)
            {
                return offset
            }
            offset &+= 1
        }
        return nil
    }

    /// How many of the sixteen places from `start` on come before the first where both rare bytes stand.
    @inline(__always) private func countBefore(_ start: UnsafeRawPointer) -> Int {
        let (first, second) = rarest
        return Int(
            cairn_count_before_two(
                start + first.offset, first.value, first.fold,
                start + second.offset, second.value, second.fold))
    }
}
