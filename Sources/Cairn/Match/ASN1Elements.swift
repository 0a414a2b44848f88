extension ASN1Test {
    /// Elements that are looked at.
    private static let elementCountMax = 256
    /// Room that readers of real numbers have for their text.
    private static let realByteCountMax = 256

    /// Whether an element from an offset on is wrong in a way that is asked for. As in Suricata only those count that are
    /// there as a whole, with everything in them.
    func holds(_ bytes: UnsafeRawBufferPointer, cursor: Int) -> Bool {
        let offset =
            switch origin {
            case .absolute(let offset): Int(clamping: offset)
            case .relative(let offset): cursor &+ SequenceRunner.bounded(offset)
            }
        guard offset >= 0, offset < bytes.count else { return false }
        var reader = BERReader(bytes, elementCountMax: Self.elementCountMax)
        var position = offset
        while position < bytes.count {
            var isFound = false
            guard
                let end = reader.readElement(
                    at: position, within: bytes.count,
                    { if isWrong($0, bytes) { isFound = true } })
            else { return false }
            if isFound { return true }
            position = end
        }
        return false
    }

    private func isWrong(_ element: BERElement, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let byteCount = element.byteCount else { return false }
        if let oversizeLength, byteCount > Int(clamping: oversizeLength) { return true }
        guard element.isUniversal, !element.isConstructed, byteCount > 0 else { return false }
        let first = bytes[element.start]
        if bitstringOverflow, element.tag == 3, Int(first) > 8 &* byteCount { return true }
        // Real numbers written in digits (X.690 §8.5.8).
        return doubleOverflow && element.tag == 9 && byteCount > Self.realByteCountMax
            && first & 0xc0 == 0
    }
}

/// Tag and length of an element in the basic encoding rules (X.690 §8.1.2, §8.1.3).
private struct BERElement {
    var tag: UInt32 = 0
    var isConstructed: Bool
    var isUniversal: Bool
    /// Where its content begins.
    var start: Int
    /// nil if its end is marked (§8.1.3.6).
    var byteCount: Int?

    init?(_ bytes: UnsafeRawBufferPointer, at offset: Int, within limit: Int) {
        guard offset < limit else { return nil }
        var position = offset
        let first = bytes[position]
        position &+= 1
        isConstructed = first & 0x20 != 0
        isUniversal = first & 0xc0 == 0
        tag = UInt32(first & 0x1f)
        if tag == 0x1f {
            tag = 0
            repeat {
                guard position < limit, tag < 1 << 24 else { return nil }
                tag = tag << 7 | UInt32(bytes[position] & 0x7f)
                position &+= 1
            } while bytes[position &- 1] & 0x80 != 0
        }
        guard position < limit else { return nil }
        let length = bytes[position]
        position &+= 1
        if length < 0x80 {
            byteCount = Int(length)
        } else if length > 0x80 {
            let count = Int(length & 0x7f)
            guard count <= limit &- position else { return nil }
            var number = 0
            for index in 0..<count {
                guard number < 1 << 40 else { return nil }
                number = number << 8 | Int(bytes[position &+ index])
            }
            byteCount = number
            position &+= count
        }
        start = position
    }
}

/// Reads elements with those in them, and finds out whether their content is what their type says.
private struct BERReader {
    private static let depthMax = 50
    private let bytes: UnsafeRawBufferPointer
    private var left: Int

    init(_ bytes: UnsafeRawBufferPointer, elementCountMax: Int) {
        self.bytes = bytes
        left = elementCountMax
    }

    /// Calls `body` with an element and all in it; where it ends, nil if it is not there as a whole.
    mutating func readElement(
        at offset: Int, within limit: Int, depth: Int = 0, _ body: (BERElement) -> Void
    ) -> Int? {
        guard left > 0, depth <= Self.depthMax,
            let element = BERElement(bytes, at: offset, within: limit)
        else { return nil }
        left &-= 1
        guard let byteCount = element.byteCount else {
            guard element.isConstructed,
                let end = readUntilMark(element.start, limit, depth, body)
            else { return nil }
            body(element)
            return end
        }
        guard byteCount <= limit &- element.start else { return nil }
        let end = element.start &+ byteCount
        if element.isUniversal, element.tag == 16 || element.tag == 17 {
            guard element.isConstructed else { return nil }
            var position = element.start
            while position < end {
                guard
                    let next = readElement(at: position, within: end, depth: depth &+ 1, body)
                else { return nil }
                position = next
            }
        } else if element.isUniversal, !element.isConstructed {
            let content = UnsafeRawBufferPointer(rebasing: bytes[element.start..<end])
            guard Self.isContent(content, of: element.tag) else { return nil }
        }
        body(element)
        return end
    }

    /// Reads what an element of no length holds, up to the two zeros at its end.
    private mutating func readUntilMark(
        _ start: Int, _ limit: Int, _ depth: Int, _ body: (BERElement) -> Void
    ) -> Int? {
        var position = start
        while position &+ 2 <= limit {
            if bytes[position] == 0, bytes[position &+ 1] == 0 { return position &+ 2 }
            guard let next = readElement(at: position, within: limit, depth: depth &+ 1, body)
            else { return nil }
            position = next
        }
        return nil
    }

    /// Whether bytes can be the content of a universal type (X.680 §8.4).
    private static func isContent(_ content: UnsafeRawBufferPointer, of tag: UInt32) -> Bool {
        func isASCII(_ byte: UInt8) -> Bool { byte < 0x80 }
        return switch tag {
        case 0, 5: content.isEmpty
        case 1: content.count == 1
        case 3: !content.isEmpty
        case 10: (1...8).contains(content.count)
        case 12: String(validating: content, as: UTF8.self) != nil
        case 18: content.allSatisfy { $0 == 0x20 || $0.isDigit }
        case 19: content.allSatisfy(isPrintable)
        case 22: content.allSatisfy(isASCII)
        case 23, 24: isTime(content)
        case 26: content.allSatisfy { (0x20...0x7e).contains($0) }
        case 28: content.count % 4 == 0
        case 30: content.count % 2 == 0
        default: true
        }
    }

    /// Letters, digits and a few marks (X.680 §41.4).
    private static func isPrintable(_ byte: UInt8) -> Bool {
        (97...122).contains(byte | 0x20) || byte.isDigit || " '()+,-./:=?".utf8.contains(byte)
    }

    /// Ten digits are a time to the minute.
    private static func isTime(_ content: UnsafeRawBufferPointer) -> Bool {
        content.prefix { $0.isDigit }.count >= 10
            && content.allSatisfy { $0.isDigit || "Z+-.".utf8.contains($0) }
    }
}
