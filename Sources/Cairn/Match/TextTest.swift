/// A `TextPattern`, compiled: literal text with wildcards, matched against a whole value.
struct TextTest {
    /// Nearly all patterns are one literal, and need no more than one comparison or search.
    private enum Shape {
        case equals, prefix, suffix, contains
        /// Nothing but `*`.
        case anything
        case wildcards
    }

    private enum Part {
        case literal(SearchText)
        case anyOne
        case anyMany
    }

    private let shape: Shape
    private let literal: SearchText
    private let parts: [Part]

    init(_ pattern: TextPattern, in arena: Arena) {
        func search(_ bytes: [UInt8]) -> SearchText {
            SearchText(bytes, ignoresCase: !pattern.isCased, in: arena)
        }
        func isMany(_ index: Int) -> Bool {
            pattern.parts.indices.contains(index) && pattern.parts[index] == .anyMany
        }
        var compiled: [Part] = []
        var only: [UInt8]?
        for part in pattern.parts {
            switch part {
            case .literal(let bytes):
                only = bytes
                compiled.append(.literal(search(bytes)))
            case .anyOne: compiled.append(.anyOne)
            case .anyMany: compiled.append(.anyMany)
            }
        }
        let manyCount = pattern.parts.count { $0 == .anyMany }
        let last = pattern.parts.count - 1
        if pattern.parts.isEmpty || (only != nil && pattern.parts.count - manyCount == 1) {
            shape =
                switch (isMany(0), isMany(last)) {
                case (false, false): .equals
                case (false, true): .prefix
                case (true, false): .suffix
                case (true, true): .contains
                }
        } else {
            shape = pattern.parts == [.anyMany] ? .anything : .wildcards
        }
        literal = search(only ?? [])
        parts = shape == .wildcards ? compiled : []
    }

    /// The part of a value that the pattern's text was found in; nil if the value does not match.
    ///
    /// - Parameter start: no match begins before it; counts for patterns with a `reach`.
    func match(_ value: UnsafeRawBufferPointer, from start: Int = 0) -> Range<Int>? {
        let count = literal.byteCount
        switch shape {
        case .equals:
            return value.count == count && literal.isFound(in: value, at: 0) ? 0..<count : nil
        case .prefix:
            return literal.isFound(in: value, at: 0) ? 0..<count : nil
        case .suffix:
            let offset = value.count &- count
            return literal.isFound(in: value, at: offset) ? offset..<value.count : nil
        case .contains:
            return literal.firstOffset(in: value, from: start, to: value.count)
                .map { $0..<$0 &+ count }
        case .anything:
            return 0..<value.count
        case .wildcards:
            return matchesParts(value) ? 0..<value.count : nil
        }
    }

    /// Whether more bytes behind a value could make it match or stop it from matching.
    var needsEnd: Bool {
        switch shape {
        case .equals, .suffix: true
        case .prefix, .contains, .anything: false
        case .wildcards: if case .anyMany = parts[parts.count - 1] { false } else { true }
        }
    }

    /// Whether the value's first byte matters.
    var needsStart: Bool {
        switch shape {
        case .equals, .prefix: true
        case .suffix, .contains, .anything: false
        case .wildcards: if case .anyMany = parts[0] { false } else { true }
        }
    }

    /// Bytes from where a match begins that it depends on; `Int.max` if it may be any number.
    var reach: Int { shape == .contains ? literal.byteCount : .max }

    /// If the first byte matters: with this many bytes further ones change nothing.
    var settledByteCount: Int {
        switch shape {
        case .prefix: literal.byteCount
        case .equals: literal.byteCount + 1
        case .suffix, .contains, .anything, .wildcards: .max
        }
    }

    /// Goes back to the last `*` only: whatever the ones before it took, the rest is what the last one can reach.
    private func matchesParts(_ value: UnsafeRawBufferPointer) -> Bool {
        var part = 0
        var offset = 0
        // The part behind the last `*`, and where it is tried next.
        var retry: (part: Int, offset: Int)?
        while true {
            if part == parts.count {
                if offset == value.count { return true }
            } else if case .anyMany = parts[part] {
                part += 1
                if part == parts.count { return true }
                retry = (part, offset)
                continue
            } else if let end = step(parts[part], value, at: offset) {
                offset = end
                part += 1
                continue
            }
            guard let again = retry, let start = nextStart(again, value) else { return false }
            retry?.offset = start &+ 1
            part = again.part
            offset = start
        }
    }

    /// Where a part that begins at an offset ends, if it matches there.
    private func step(_ part: Part, _ value: UnsafeRawBufferPointer, at offset: Int) -> Int? {
        switch part {
        case .literal(let text):
            text.isFound(in: value, at: offset) ? offset &+ text.byteCount : nil
        case .anyOne:
            offset < value.count ? offset &+ Self.characterByteCount(value, at: offset) : nil
        case .anyMany:
            offset
        }
    }

    /// The next place at which the part behind a `*` can match.
    private func nextStart(
        _ retry: (part: Int, offset: Int), _ value: UnsafeRawBufferPointer
    ) -> Int? {
        guard case .literal(let text) = parts[retry.part] else {
            return retry.offset <= value.count ? retry.offset : nil
        }
        return text.firstOffset(in: value, from: retry.offset, to: value.count)
    }

    /// Bytes of the UTF-8 character at an offset, 1 where there is none.
    private static func characterByteCount(
        _ value: UnsafeRawBufferPointer, at offset: Int
    ) -> Int {
        let count =
            switch value[offset] {
            case 0xc2...0xdf: 2
            case 0xe0...0xef: 3
            case 0xf0...0xf4: 4
            default: 1
            }
        guard offset &+ count <= value.count else { return 1 }
        for index in 1..<max(1, count) where value[offset &+ index] & 0xc0 != 0x80 { return 1 }
        return count
    }
}
