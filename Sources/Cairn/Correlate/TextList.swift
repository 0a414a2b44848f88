/// Texts one behind the other in one run of memory, meant to be filled again and again.
struct TextList: ~Copyable {
    private var bytes = PlainList<UInt8>(capacity: 256)
    private var ends = PlainList<Int>()
    /// `GroupKey.shortHash` of each text.
    private var hashes = PlainList<UInt32>()

    var count: Int { ends.count }
    /// Of all texts.
    var byteCount: Int { bytes.count }

    /// A text, valid until the next change.
    @inline(__always) subscript(index: Int) -> UnsafeRawBufferPointer {
        let start = index == 0 ? 0 : ends[index &- 1]
        return UnsafeRawBufferPointer(rebasing: bytes.bytes(from: start)[..<(ends[index] &- start)])
    }

    mutating func removeAll() {
        bytes.removeAll()
        ends.removeAll()
        hashes.removeAll()
    }

    init() {}

    init(_ texts: [[UInt8]]) {
        for text in texts { text.withUnsafeBytes { append($0) } }
    }

    mutating func append(_ text: UnsafeRawBufferPointer) {
        append(text, hash: GroupKey.shortHash(text))
    }

    private mutating func append(_ text: UnsafeRawBufferPointer, hash: UInt32) {
        bytes.append(contentsOf: text)
        ends.append(bytes.count)
        hashes.append(hash)
    }

    /// Appends the values of a group.
    mutating func append(valuesOf key: UnsafeRawBufferPointer) {
        var start = bytes.count
        GroupKey.forEachByte(of: key) { byte in
            if let byte {
                bytes.append(byte)
            } else {
                ends.append(bytes.count)
                hashes.append(GroupKey.shortHash(bytes.bytes(from: start)))
                start = bytes.count
            }
        }
    }

    /// Appends a text that is not there yet.
    mutating func insert(_ text: UnsafeRawBufferPointer, hash: UInt32) {
        for index in 0..<hashes.count where hashes[index] == hash {
            if GroupKey.areEqual(self[index], text) { return }
        }
        append(text, hash: hash)
    }
}

/// What a firing has beyond an alert.
final class FiringDetail {
    /// The first 12 bytes of a SHA-256 (CORRELATION.md §6).
    let id: RecordID
    /// The group's values, one for each different name, then the actors, then the victims.
    private let texts: [UInt8]
    private let ends: [Int32]
    private let groupCount: Int
    private let actorCount: Int

    init(
        id: RecordID, group: borrowing TextList, actors: borrowing TextList,
        victims: borrowing TextList
    ) {
        self.id = id
        groupCount = group.count
        actorCount = actors.count
        var texts: [UInt8] = []
        texts.reserveCapacity(group.byteCount + actors.byteCount + victims.byteCount)
        var ends: [Int32] = []
        ends.reserveCapacity(group.count + actors.count + victims.count)
        Self.append(group, to: &texts, &ends)
        Self.append(actors, to: &texts, &ends)
        Self.append(victims, to: &texts, &ends)
        self.texts = texts
        self.ends = ends
    }

    private static func append(
        _ list: borrowing TextList, to texts: inout [UInt8], _ ends: inout [Int32]
    ) {
        for index in 0..<list.count {
            texts.append(contentsOf: list[index])
            ends.append(Int32(truncatingIfNeeded: texts.count))
        }
    }

    /// Bytes of memory, roughly.
    var byteCount: Int { 128 + 48 * ends.count + texts.count }

    var group: [[UInt8]] { list(0..<groupCount) }
    var actors: [[UInt8]] { list(actorPlaces) }
    var victims: [[UInt8]] { list(victimPlaces) }

    /// Calls `body` with each host that acts.
    func forEachActor(_ body: (UnsafeRawBufferPointer) -> Void) { forEach(actorPlaces, body) }

    /// Calls `body` with each host that suffers.
    func forEachVictim(_ body: (UnsafeRawBufferPointer) -> Void) { forEach(victimPlaces, body) }

    private var actorPlaces: Range<Int> { groupCount..<groupCount + actorCount }
    private var victimPlaces: Range<Int> { groupCount + actorCount..<ends.count }

    private func forEach(_ places: Range<Int>, _ body: (UnsafeRawBufferPointer) -> Void) {
        texts.withUnsafeBytes { bytes in
            for place in places {
                let start = place == 0 ? 0 : Int(ends[place - 1])
                body(UnsafeRawBufferPointer(rebasing: bytes[start..<Int(ends[place])]))
            }
        }
    }

    private func list(_ places: Range<Int>) -> [[UInt8]] {
        var list: [[UInt8]] = []
        forEach(places) { list.append(Array($0)) }
        return list
    }
}
