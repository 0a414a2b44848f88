/// A tree of key paths that are wanted of JSON objects: one pass over a line finds all of them.
struct JSONPathTree: ~Copyable {
    /// Where a value was found in a line.
    struct Place {
        var kind: JSONScanner.Kind
        /// A string without escapes, all ASCII; a number without fraction and exponent.
        var isPlain = false
        /// The scan that found it: of an earlier line nothing has to be wiped away.
        fileprivate(set) var scan: UInt32 = 0
        var start: UInt32 = 0
        var end: UInt32 = 0
        /// An object that is known by its bytes.
        var recurring = RecurringTexts.Text()

        var range: Range<Int> { Int(start)..<Int(end) }

        init(kind: JSONScanner.Kind) { self.kind = kind }

        @inline(__always) init(_ scalar: JSONScanner.ShortScalar) {
            isPlain = true
            switch scalar {
            case .string(let text):
                kind = .string
                start = UInt32(truncatingIfNeeded: text.start)
                end = UInt32(truncatingIfNeeded: text.end)
            case .number(let number):
                kind = .number
                start = UInt32(truncatingIfNeeded: number.start)
                end = UInt32(truncatingIfNeeded: number.end)
            }
        }
    }

    struct Node {
        /// Children by key: a power of two of slots, at most half of them taken.
        var firstSlot: UInt32 = 0
        var slotMask: UInt32 = 0
        /// Its own value and those of all below it are the places from `place` up to here.
        var endPlace: UInt32 = 0
        var hasChildren = false
        /// Where in `gaps` is what stood before its members, and for how many of them.
        var firstGap: UInt32 = 0
        var gapCount: UInt32 = 0
        /// An array with one object in it counts as that object.
        var opensArrays = false
        /// Its objects come again and again.
        var recurs = false
    }

    /// A key's first eight bytes and its length decide mostly; the rest is compared if there is one.
    struct Slot {
        var word: UInt64 = 0
        var keyByteCount: UInt32 = 0
        /// The place of the child; negative in an empty slot.
        var child: Int32 = -1
        var keyStart = 0
    }

    /// What stood before a member's value the last time, from the end of the value before it: comma,
    /// key and colon. Records of one program have the same members in the same order, so that mostly
    /// it stands there again and need not be taken apart.
    struct Gap {
        /// Members of an object for which it is kept.
        static let countMax: UInt32 = 64

        /// The first of sixteen bytes, and the bits that they are.
        var bytes = SIMD2<UInt64>.zero
        var mask = SIMD2<UInt64>.zero
        /// How many they are; zero if nothing is kept.
        var byteCount: Int32 = 0
        /// The place of the member; negative if nobody wants it.
        var child: Int32 = -1
    }

    /// What `add` was told, until the tree is complete.
    private struct Draft {
        var key: [UInt8]
        var children: [Int] = []
        var place = 0
        var opensArrays = false
        var recurs = false
    }

    /// Longest line that may be scanned.
    static let byteCountMax = Int(UInt32.max)

    private var drafts: [Draft] = [Draft(key: [])]
    /// By place.
    private var nodes = PlainList<Node>()
    private var slots = PlainList<Slot>()
    private var keys = PlainList<UInt8>()
    private var gaps = PlainList<Gap>()
    private var recurring = RecurringTexts()
    private var places = PlainList<Place>()
    /// The place of each path.
    private var placeOfPath = PlainList<Int>()
    private var scan: UInt32 = 0
    /// Members of the outermost object of the last line.
    private(set) var memberCount = 0
    private var unescaped: [UInt8] = []

    /// How many paths there are; they are numbered from zero.
    var pathCount: Int { drafts.count }

    /// Adds a path.
    ///
    /// - Parameters:
    ///   - opensArrays: lets an array with one element pass as that element on the way.
    ///   - recurs: its objects come again and again; looked at only while nothing in them is wanted.
    /// - Returns: the number of the path, the same for the same path.
    mutating func add(_ path: [String], opensArrays: Bool = false, recurs: Bool = false) -> Int {
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
        if recurs { drafts[node].recurs = true }
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
        places.append(Place(kind: .null))
        nodes.append(
            Node(opensArrays: drafts[draft].opensArrays, recurs: drafts[draft].recurs))
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
        nodes[draft.place].firstGap = UInt32(truncatingIfNeeded: gaps.count)
        nodes[draft.place].gapCount = Gap.countMax
        for _ in 0..<Gap.countMax { gaps.append(Gap()) }
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
    ///
    /// - Parameter slackByteCount: bytes behind the line that may be read.
    mutating func scan(_ line: UnsafeRawBufferPointer, slackByteCount: Int = 0) -> Bool {
        scan &+= 1
        if scan == 0 {
            for index in 0..<places.count { places[index].scan = 0 }
            scan = 1
        }
        memberCount = 0
        guard line.count <= Self.byteCountMax else { return false }
        var scanner = JSONScanner(line, slackByteCount: slackByteCount)
        guard scanner.kind() == .object, var end = scanObject(0, scanner) else { return false }
        return end.isAtEnd()
    }

    /// Goes through the object that is next.
    ///
    /// - Returns: the scanner behind it; nil if it is broken. Scanners go in and out as values, so
    ///   that the one at work stays in registers.
    private mutating func scanObject(_ node: Int, _ start: JSONScanner) -> JSONScanner? {
        var scanner = start
        guard scanner.take(UInt8(ascii: "{")) else { return nil }
        if scanner.take(UInt8(ascii: "}")) { return scanner }
        var number = 0
        let known = nodes[node]
        while true {
            let gap = scanner
            var child = knownMember(number, of: known, &scanner)
            if let child, let scalar = scanner.shortScalar() {
                if child >= 0 { note(Place(scalar), of: child) }
                number &+= 1
                continue
            }
            if child == nil {
                if number > 0, !scanner.take(UInt8(ascii: ",")) { break }
                child = newMember(of: node, &scanner)
                keepGap(gap, scanner, child, number, of: node)
            }
            guard let child, let kind = scanner.kind() else { return nil }
            if child < 0 {
                guard scanner.skip(kind) else { return nil }
            } else if kind == .string || kind == .number {
                guard scanScalar(child, kind, &scanner) else { return nil }
            } else {
                guard let behind = scanOther(child, kind, scanner) else { return nil }
                scanner = behind
            }
            number &+= 1
        }
        if node == 0 { memberCount = number }
        return scanner.take(UInt8(ascii: "}")) ? scanner : nil
    }

    /// Takes what stands before the value of a member if it is what stood there the last time.
    ///
    /// - Returns: the place of the member, negative if nobody wants it.
    @inline(__always)
    private func knownMember(
        _ number: Int, of node: Node, _ scanner: inout JSONScanner
    ) -> Int? {
        guard number < Int(node.gapCount), let bytes = scanner.sixteenBytes else { return nil }
        let gap = gaps[Int(node.firstGap) &+ number]
        guard (bytes ^ gap.bytes) & gap.mask == .zero, gap.byteCount > 0,
            scanner.skip(Int(gap.byteCount))
        else { return nil }
        return Int(gap.child)
    }

    /// Takes the key of a member and the colon; nil if that is not what is there.
    ///
    /// - Returns: the place of the member, negative if nobody wants it.
    private mutating func newMember(of node: Int, _ scanner: inout JSONScanner) -> Int? {
        guard let key = scanner.string(), scanner.take(UInt8(ascii: ":")) else { return nil }
        return child(of: node, key, scanner) ?? -1
    }

    private func keepGap(
        _ start: JSONScanner, _ end: JSONScanner, _ child: Int?, _ number: Int, of node: Int
    ) {
        let byteCount = end.offset &- start.offset
        guard let child, number < Int(nodes[node].gapCount), byteCount <= 16,
            let bytes = start.sixteenBytes
        else { return }
        var mask = SIMD2<UInt64>.zero
        withUnsafeMutableBytes(of: &mask) { mask in
            for index in 0..<byteCount { mask[index] = 0xff }
        }
        gaps[Int(nodes[node].firstGap) &+ number] = Gap(
            bytes: bytes & mask, mask: mask, byteCount: Int32(truncatingIfNeeded: byteCount),
            child: Int32(truncatingIfNeeded: child))
    }

    private mutating func child(
        of node: Int, _ key: JSONScanner.Text, _ scanner: JSONScanner
    ) -> Int? {
        if key.isPlain { return find(scanner.text, key.start, key.end &- key.start, in: node) }
        unescaped.removeAll(keepingCapacity: true)
        scanner.appendUnescaped(key, to: &unescaped)
        return unescaped.withUnsafeBytes { find($0, 0, $0.count, in: node) }
    }

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

    /// Notes the place of a text or a number.
    @inline(__always)
    private mutating func scanScalar(
        _ node: Int, _ kind: JSONScanner.Kind, _ scanner: inout JSONScanner
    ) -> Bool {
        var place = Place(kind: kind)
        if kind == .string {
            guard let text = scanner.string() else { return false }
            place.start = UInt32(truncatingIfNeeded: text.start)
            place.end = UInt32(truncatingIfNeeded: text.end)
            place.isPlain = text.isPlain
        } else {
            guard let number = scanner.number() else { return false }
            place.start = UInt32(truncatingIfNeeded: number.start)
            place.end = UInt32(truncatingIfNeeded: number.end)
            place.isPlain = number.isInteger
        }
        note(place, of: node)
        return true
    }

    /// Of members with the same key the last one counts, with all that it has below.
    @inline(__always) private mutating func note(_ place: Place, of node: Int) {
        if nodes[node].hasChildren, places[node].scan == scan { forget(node) }
        places[node] = place
        places[node].scan = scan
    }

    /// Notes the place of a value that is no text and no number, and what is wanted of it.
    private mutating func scanOther(
        _ node: Int, _ kind: JSONScanner.Kind, _ start: JSONScanner
    ) -> JSONScanner? {
        var scanner = start
        var place = Place(kind: kind)
        if places[node].scan == scan { forget(node) }
        let behind: JSONScanner? =
            switch kind {
            case .object where nodes[node].hasChildren: scanObject(node, scanner)
            case .object where nodes[node].recurs: scanRecurring(scanner, &place)
            case .array where nodes[node].opensArrays: scanArray(node, scanner)
            default: scanner.skip(kind) ? scanner : nil
            }
        guard let behind else { return nil }
        place.start = UInt32(truncatingIfNeeded: start.offset)
        place.end = UInt32(truncatingIfNeeded: behind.offset)
        place.scan = scan
        places[node] = place
        return behind
    }

    /// Moves over an object that may be known by its bytes.
    private mutating func scanRecurring(
        _ start: JSONScanner, _ place: inout Place
    ) -> JSONScanner? {
        var scanner = start
        if let known = recurring.find(at: start.rest) {
            place.recurring = known.text
            return scanner.skip(known.byteCount) ? scanner : nil
        }
        guard scanner.skip(.object) else { return nil }
        place.recurring = recurring.keep(start.bytes(start.offset, scanner.offset))
        return scanner
    }

    /// Takes an array with one object as that object, any other as nothing.
    private mutating func scanArray(_ node: Int, _ start: JSONScanner) -> JSONScanner? {
        var scanner = start
        if scanner.take(UInt8(ascii: "[")), scanner.kind() == .object,
            var behind = scanObject(node, scanner), behind.take(UInt8(ascii: "]"))
        {
            return behind
        }
        forget(node)
        scanner = start
        return scanner.skip(.array) ? scanner : nil
    }

    private func forget(_ node: Int) {
        for index in node..<Int(nodes[node].endPlace) { places[index].scan = 0 }
    }
}
