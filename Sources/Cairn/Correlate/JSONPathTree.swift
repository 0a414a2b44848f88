/// A tree of key paths that are wanted of JSON objects: one pass over a line finds all of them.
struct JSONPathTree: ~Copyable {
    /// Where a value was found in a line.
    struct Place {
        var kind = JSONScanner.Kind.null
        /// A string without escapes, all ASCII; a number without fraction and exponent.
        var isPlain = false
        /// The scan that found it: of an earlier line nothing has to be wiped away.
        fileprivate(set) var scan: UInt32 = 0
        var start: UInt32 = 0
        var end: UInt32 = 0

        var range: Range<Int> { Int(start)..<Int(end) }
    }

    struct Node {
        /// Children by key: a power of two of slots, at most half of them taken.
        var firstSlot: UInt32 = 0
        var slotMask: UInt32 = 0
        /// Its own value and those of all below it are the places from `place` up to here.
        var endPlace: UInt32 = 0
        var hasChildren = false
        /// An array with one object in it counts as that object.
        var opensArrays = false
    }

    /// A key's first eight bytes and its length decide mostly; the rest is compared if there is one.
    struct Slot {
        var word: UInt64 = 0
        var keyByteCount: UInt32 = 0
        /// The place of the child; negative in an empty slot.
        var child: Int32 = -1
        var keyStart = 0
    }

    /// What `add` was told, until the tree is complete.
    private struct Draft {
        var key: [UInt8]
        var children: [Int] = []
        var place = 0
        var opensArrays = false
    }

    /// Longest line that may be scanned.
    static let byteCountMax = Int(UInt32.max)

    private var drafts: [Draft] = [Draft(key: [])]
    /// By place.
    private var nodes = PlainList<Node>()
    private var slots = PlainList<Slot>()
    private var keys = PlainList<UInt8>()
    private var places = PlainList<Place>()
    /// The place of each path.
    private var placeOfPath = PlainList<Int>()
    private var scan: UInt32 = 0
    /// Members of the outermost object of the last line.
    private(set) var memberCount = 0
    private var unescaped: [UInt8] = []

    /// How many paths there are; they are numbered from zero.
    var pathCount: Int { drafts.count }

    /// Adds a path; `opensArrays` lets an array with one element pass as that element on the way.
    ///
    /// - Returns: the number of the path, the same for the same path.
    mutating func add(_ path: [String], opensArrays: Bool = false) -> Int {
        var node = 0
        for key in path {
            let bytes = Array(key.utf8)
            if let known = drafts[node].children.first(where: { drafts[$0].key == bytes }) {
                node = known
            } else {
                drafts[node].children.append(drafts.count)
                drafts.append(Draft(key: bytes))
                node = drafts.count - 1
            }
            if opensArrays { drafts[node].opensArrays = true }
        }
        return node
    }

    /// Lays the tree out. To be called once, when all paths are added.
    mutating func complete() {
        number(0)
        for draft in drafts { placeOfPath.append(draft.place) }
        for draft in drafts { addSlots(of: draft) }
    }

    /// Numbers the places so that those below a node follow it.
    private mutating func number(_ draft: Int) {
        drafts[draft].place = places.count
        places.append(Place())
        nodes.append(Node(opensArrays: drafts[draft].opensArrays))
        for child in drafts[draft].children { number(child) }
        nodes[drafts[draft].place].endPlace = UInt32(truncatingIfNeeded: places.count)
    }

    private mutating func addSlots(of draft: Draft) {
        guard !draft.children.isEmpty else { return }
        var capacity = 2
        while capacity < 2 * draft.children.count { capacity *= 2 }
        let first = slots.count
        nodes[draft.place].firstSlot = UInt32(truncatingIfNeeded: first)
        nodes[draft.place].slotMask = UInt32(truncatingIfNeeded: capacity - 1)
        nodes[draft.place].hasChildren = true
        for _ in 0..<capacity { slots.append(Slot()) }
        for child in draft.children {
            let key = drafts[child].key
            let word = key.withUnsafeBytes { Self.word($0, 0, key.count) }
            var index = Self.hash(word, key.count) & (capacity - 1)
            while slots[first + index].child >= 0 { index = (index + 1) & (capacity - 1) }
            slots[first + index] = Slot(
                word: word, keyByteCount: UInt32(truncatingIfNeeded: key.count),
                child: Int32(truncatingIfNeeded: drafts[child].place), keyStart: keys.count)
            keys.append(contentsOf: key)
        }
    }

    // MARK: Values of the last line

    /// The value of a path; nil if the line has none.
    @inline(__always) subscript(path: Int) -> Place? {
        let place = places[placeOfPath[path]]
        return place.scan == scan ? place : nil
    }

    /// Whether the line has a value at a path.
    @inline(__always) func has(_ path: Int) -> Bool {
        places[placeOfPath[path]].scan == scan
    }

    // MARK: Scanning

    /// Looks for all paths in a line; false if it is not one JSON object.
    mutating func scan(_ line: UnsafeRawBufferPointer) -> Bool {
        scan &+= 1
        if scan == 0 {
            for index in 0..<places.count { places[index].scan = 0 }
            scan = 1
        }
        memberCount = 0
        var scanner = JSONScanner(line)
        return line.count <= Self.byteCountMax && scanObject(0, &scanner) && scanner.isAtEnd()
    }

    private mutating func scanObject(_ node: Int, _ scanner: inout JSONScanner) -> Bool {
        guard scanner.take(UInt8(ascii: "{")) else { return false }
        if scanner.take(UInt8(ascii: "}")) { return true }
        repeat {
            guard let key = scanner.string(), scanner.take(UInt8(ascii: ":")) else { return false }
            if node == 0 { memberCount &+= 1 }
            if let child = child(of: node, key, scanner) {
                guard scanValue(child, &scanner) else { return false }
            } else {
                guard scanner.skipValue() else { return false }
            }
        } while scanner.take(UInt8(ascii: ","))
        return scanner.take(UInt8(ascii: "}"))
    }

    @inline(__always)
    private mutating func child(
        of node: Int, _ key: JSONScanner.Text, _ scanner: JSONScanner
    ) -> Int? {
        if key.isPlain { return find(scanner.text, key.start, key.end &- key.start, in: node) }
        unescaped.removeAll(keepingCapacity: true)
        scanner.appendUnescaped(key, to: &unescaped)
        return unescaped.withUnsafeBytes { find($0, 0, $0.count, in: node) }
    }

    @inline(__always)
    private func find(
        _ text: UnsafeRawBufferPointer, _ start: Int, _ byteCount: Int, in node: Int
    ) -> Int? {
        guard nodes[node].hasChildren else { return nil }
        let word = Self.word(text, start, byteCount)
        let mask = Int(nodes[node].slotMask)
        let first = Int(nodes[node].firstSlot)
        var index = Self.hash(word, byteCount) & mask
        while true {
            let slot = slots[first &+ index]
            if slot.child < 0 { return nil }
            if slot.word == word, Int(slot.keyByteCount) == byteCount,
                hasRest(text, start, byteCount, of: slot)
            {
                return Int(slot.child)
            }
            index = (index &+ 1) & mask
        }
    }

    @inline(__always)
    private func hasRest(
        _ text: UnsafeRawBufferPointer, _ start: Int, _ byteCount: Int, of slot: Slot
    ) -> Bool {
        var index = 8
        while index < byteCount {
            if text[start &+ index] != keys[slot.keyStart &+ index] { return false }
            index &+= 1
        }
        return true
    }

    /// The first eight bytes of a key, zeroes behind a shorter one.
    @inline(__always)
    private static func word(
        _ text: UnsafeRawBufferPointer, _ start: Int, _ byteCount: Int
    ) -> UInt64 {
        if start &+ 8 <= text.count {
            let word = text.loadUnaligned(fromByteOffset: start, as: UInt64.self).littleEndian
            return byteCount >= 8 ? word : word & ((1 << (UInt64(byteCount) &* 8)) &- 1)
        }
        var word: UInt64 = 0
        for index in 0..<min(8, byteCount) {
            word |= UInt64(text[start &+ index]) << (UInt64(index) &* 8)
        }
        return word
    }

    @inline(__always) private static func hash(_ word: UInt64, _ byteCount: Int) -> Int {
        let mixed = (word ^ UInt64(truncatingIfNeeded: byteCount)) &* 0x9e37_79b9_7f4a_7c15
        return Int(truncatingIfNeeded: mixed >> 32)
    }

    private mutating func scanValue(_ node: Int, _ scanner: inout JSONScanner) -> Bool {
        // Of members with the same key the last one counts, with all that it has below.
        if places[node].scan == scan { forget(node) }
        guard let kind = scanner.kind() else { return false }
        var place = Place(kind: kind, scan: scan, start: UInt32(truncatingIfNeeded: scanner.offset))
        var end = 0
        switch kind {
        case .string:
            guard let text = scanner.string() else { return false }
            place.start = UInt32(truncatingIfNeeded: text.start)
            end = text.end
            place.isPlain = text.isPlain
        case .number:
            guard let number = scanner.number() else { return false }
            end = number.end
            place.isPlain = number.isInteger
        case .object where nodes[node].hasChildren:
            guard scanObject(node, &scanner) else { return false }
            end = scanner.offset
        case .array where nodes[node].opensArrays:
            guard scanArray(node, &scanner) else { return false }
            end = scanner.offset
        default:
            guard scanner.skipValue() else { return false }
            end = scanner.offset
        }
        place.end = UInt32(truncatingIfNeeded: end)
        places[node] = place
        return true
    }

    /// Takes an array with one object as that object, any other as nothing.
    private mutating func scanArray(_ node: Int, _ scanner: inout JSONScanner) -> Bool {
        let start = scanner
        if scanner.take(UInt8(ascii: "[")), scanner.kind() == .object,
            scanObject(node, &scanner), scanner.take(UInt8(ascii: "]"))
        {
            return true
        }
        forget(node)
        scanner = start
        return scanner.skipValue()
    }

    private func forget(_ node: Int) {
        for index in node..<Int(nodes[node].endPlace) { places[index].scan = 0 }
    }
}
