/// An alert or firing that correlation holds, by its place in the `ItemStore`.
typealias ItemID = UInt32

/// What every item has. Which values it has, these values and their text follow in the same slot.
struct ItemHeader {
    var time: Timestamp
    var packet: Int64
    var flowID: Int64
    var label: RuleLabelID
    /// Of a firing its details, in the store's list; -1 for an alert.
    var detail: Int32
    /// The values and their text, as they did not fit the slot.
    var block: UnsafeMutableRawPointer?
    /// JSON text of the alert, while it waits to be put in order.
    var source: UnsafeMutableRawPointer?
    var blockByteCount: Int32 = 0
    var sourceByteCount: Int32 = 0
    var hasPacket = false
    var hasFlowID = false
    /// The carried fields that say what the actor and the victim say, so that they need no values of their
    /// own; -1 without one.
    var actorField: Int16 = -1
    var victimField: Int16 = -1
}

/// A value of an item: where its text is, and what that is found by.
struct ItemValue {
    /// From the first value of the item on.
    fileprivate var offset: UInt32 = 0
    /// In the two highest bits, of what kind it is.
    private var kindAndByteCount: UInt32 = 0
    /// `GroupKey.shortHash` of the text.
    private(set) var hash: UInt32 = 0

    /// Missing, null, a list or an object.
    static let none = ItemValue()
    private init() {}

    @inline(__always) fileprivate init(
        kind: CorrelationAlert.Value.Kind, offset: UInt32, text: UnsafeRawBufferPointer
    ) {
        self.offset = offset
        kindAndByteCount =
            UInt32(kind.rawValue) << 30 | UInt32(truncatingIfNeeded: text.count) & (1 << 30 - 1)
        hash = GroupKey.shortHash(text)
    }

    @inline(__always) var kind: CorrelationAlert.Value.Kind {
        CorrelationAlert.Value.Kind(rawValue: UInt8(truncatingIfNeeded: kindAndByteCount >> 30))
            ?? .none
    }

    @inline(__always) var isMissing: Bool { kindAndByteCount >> 30 == 0 }

    @inline(__always) fileprivate var byteCount: Int { Int(kindAndByteCount & (1 << 30 - 1)) }
}

/// The items that groups, windows and waiting lists share, each held once: time, references to
/// rule, packet and flow, carried fields, actor and victim.
///
/// An item lives as long as it is retained; its slot is used again. Of all the fields that some rule
/// carries an alert has few, so an item keeps one bit for each and then the values that it has, in
/// their order. Slots are of one size, chosen so that addresses, ports and a name fit; more gets a
/// block of its own. What bounds the number of items are the limits of those who retain them
/// (`max-items`, `max-groups`, `memcap`, the lateness).
struct ItemStore: ~Copyable {
    struct Hold {
        /// How often the slot is retained; of a free slot the next free one.
        var references: UInt32
        var label: RuleLabelID
    }

    private static let slotsPerChunk = 1024
    private static let inlineByteCountMax = 184
    private static let noSlot: UInt32 = .max >> 1
    /// In `references`: this slot has blocks or details to give back.
    private static let hasExtras: UInt32 = 1 << 31

    /// What changes as items come and go.
    private struct State: ~Copyable {
        var byteCount = 0
        var chunks: ChunkedMemory
        /// Apart from the slots, so that letting go of an old item does not fetch it from memory.
        var holds = UnsafeMutablePointer<Hold>.allocate(capacity: 1)
        var capacity = 0
        var used = 0
        var firstFree = ItemStore.noSlot
        var details: [FiringDetail?] = []
        var freeDetails: [Int32] = []

        /// A slot that nobody has, retained once.
        mutating func takeSlot() -> ItemID {
            if firstFree == ItemStore.noSlot { grow() }
            let item = firstFree
            firstFree = holds[Int(item)].references
            holds[Int(item)].references = 1
            return item
        }

        /// Adds a chunk of free slots, the lowest first in line.
        private mutating func grow() {
            let end = used + ItemStore.slotsPerChunk
            precondition(end < Int(ItemStore.noSlot), "too many items")
            chunks.append()
            if end > capacity {
                capacity = max(2 * capacity, end)
                let moved = UnsafeMutablePointer<Hold>.allocate(capacity: capacity)
                moved.update(from: holds, count: used)
                holds.deallocate()
                holds = moved
            }
            for index in (used..<end).reversed() {
                holds[index] = Hold(references: firstFree, label: .none)
                firstFree = UInt32(index)
            }
            used = end
        }
    }

    let fieldCount: Int
    let catalog: RuleCatalog
    /// One bit for each carried field, for the actor and for the victim: whether the item has it.
    private let presenceWordCount: Int
    private let valuesOffset: Int
    /// Bytes of values and text that fit a slot.
    private let inlineByteCount: Int
    private let stride: Int
    /// Apart, so that the store itself is a few words: where a larger value is lent to a function,
    /// the compiler (6.3) copies it.
    private let state: UnsafeMutablePointer<State>

    /// Bytes of all items that are held.
    var byteCount: Int { state.pointee.byteCount }

    /// A store for items with `fieldCount` carried fields.
    init(fieldCount: Int, catalog: RuleCatalog) {
        self.fieldCount = fieldCount
        self.catalog = catalog
        presenceWordCount = (fieldCount + 2 + 63) / 64
        valuesOffset =
            MemoryLayout<ItemHeader>.stride + presenceWordCount * MemoryLayout<UInt64>.stride
        stride = wholeCacheLines(
            valuesOffset + min(Self.inlineByteCountMax, 24 * (fieldCount + 1)))
        inlineByteCount = stride - valuesOffset
        state = .allocate(capacity: 1)
        state.initialize(
            to: State(chunks: ChunkedMemory(chunkByteCount: Self.slotsPerChunk * stride)))
    }

    deinit {
        for index in 0..<state.pointee.used
        where state.pointee.holds[index].references & Self.hasExtras != 0 {
            freeBlocks(header(UInt32(index)))
        }
        state.pointee.holds.deallocate()
        state.deinitialize(count: 1)
        state.deallocate()
    }

    // MARK: Reading

    @inline(__always) func header(_ item: ItemID) -> UnsafeMutablePointer<ItemHeader> {
        slot(item).assumingMemoryBound(to: ItemHeader.self)
    }

    /// A carried field.
    @inline(__always) func value(_ item: ItemID, _ field: Int) -> ItemValue {
        let presence = presence(item)
        let bit = UInt64(1) << UInt64(field & 63)
        guard presence[field >> 6] & bit != 0 else { return .none }
        var place = field
        for word in 0...field >> 6 {
            let before = word == field >> 6 ? bit &- 1 : .max
            // Counting is for items that lack some field before this one.
            let missing = ~presence[word] & before
            if missing != 0 { place &-= missing.nonzeroBitCount }
        }
        return (contents(item) + place &* MemoryLayout<ItemValue>.stride)
            .assumingMemoryBound(to: ItemValue.self).pointee
    }

    @inline(__always) func actor(_ item: ItemID) -> ItemValue {
        let field = header(item).pointee.actorField
        return value(item, field >= 0 ? Int(field) : fieldCount)
    }

    @inline(__always) func victim(_ item: ItemID) -> ItemValue {
        let field = header(item).pointee.victimField
        return value(item, field >= 0 ? Int(field) : fieldCount &+ 1)
    }

    /// A carried field, or the actor or the victim, which follow the fields.
    func valueOrHost(_ item: ItemID, _ index: Int) -> ItemValue {
        index < fieldCount
            ? value(item, index) : index == fieldCount ? actor(item) : victim(item)
    }

    /// The bytes of a value of an item.
    @inline(__always) func text(_ item: ItemID, _ value: ItemValue) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: contents(item) + Int(value.offset), count: value.byteCount)
    }

    @inline(__always) private func presence(_ item: ItemID) -> UnsafeMutablePointer<UInt64> {
        (slot(item) + MemoryLayout<ItemHeader>.stride).assumingMemoryBound(to: UInt64.self)
    }

    /// The values that an item has, and their text behind them.
    @inline(__always) private func contents(_ item: ItemID) -> UnsafeMutableRawPointer {
        header(item).pointee.block ?? (slot(item) + valuesOffset)
    }

    /// The details of a firing; nil for an alert.
    @inline(__always) func detail(_ item: ItemID) -> FiringDetail? {
        let index = header(item).pointee.detail
        return index < 0 ? nil : state.pointee.details[Int(index)]
    }

    @inline(__always) private func slot(_ item: ItemID) -> UnsafeMutableRawPointer {
        state.pointee.chunks[Int(item) / Self.slotsPerChunk] + Int(item) % Self.slotsPerChunk
            &* stride
    }

    /// Asks for the memory of an item, which will be needed soon.
    @inline(__always) func prefetch(_ item: ItemID) {
        Cairn.prefetch(slot(item), byteCount: stride)
        prefetchRelease(item)
    }

    /// Asks for what retaining an item and letting go of it need.
    @inline(__always) func prefetchRelease(_ item: ItemID) {
        Cairn.prefetch(state.pointee.holds + Int(item))
    }

    /// Bytes that an alert takes.
    @inline(__always) func byteCount(of item: ItemID) -> Int {
        let header = header(item)
        return stride &+ Int(header.pointee.blockByteCount) &+ Int(header.pointee.sourceByteCount)
    }

    // MARK: Lifetime

    /// Copies an alert, retained once.
    mutating func add(_ alert: borrowing CorrelationAlert) -> ItemID {
        let item = make(
            time: alert.time, label: alert.label, alert.fields.elements, actor: alert.actor,
            victim: alert.victim, text: alert.text.bytes(from: 0))
        let header = header(item)
        header.pointee.packet = alert.packet ?? -1
        header.pointee.hasPacket = alert.packet != nil
        header.pointee.flowID = alert.flowID ?? -1
        header.pointee.hasFlowID = alert.flowID != nil
        if !alert.source.isEmpty { keepSource(alert.source.bytes(from: 0), of: item) }
        return item
    }

    /// Makes a firing, retained once. `values` come one for each carried field, with their bytes in
    /// `text`.
    mutating func add(
        firing detail: FiringDetail, time: Timestamp, label: RuleLabelID,
        values: UnsafeBufferPointer<CorrelationAlert.Value>, text: UnsafeRawBufferPointer
    ) -> ItemID {
        let item = make(
            time: time, label: label, values, actor: .init(), victim: .init(), text: text)
        let header = header(item)
        if let free = state.pointee.freeDetails.popLast() {
            state.pointee.details[Int(free)] = detail
            header.pointee.detail = free
        } else {
            header.pointee.detail = Int32(truncatingIfNeeded: state.pointee.details.count)
            state.pointee.details.append(detail)
        }
        state.pointee.byteCount &+= detail.byteCount
        state.pointee.holds[Int(item)].references |= Self.hasExtras
        return item
    }

    @inline(__always) func retain(_ item: ItemID) {
        state.pointee.holds[Int(item)].references &+= 1
    }

    @inline(__always) mutating func release(_ item: ItemID) {
        state.pointee.holds[Int(item)].references &-= 1
        if state.pointee.holds[Int(item)].references & ~Self.hasExtras == 0 { remove(item) }
    }

    /// Gives back the JSON text that an alert needed to be put in order.
    mutating func dropSource(of item: ItemID) {
        let header = header(item)
        guard let source = header.pointee.source else { return }
        source.deallocate()
        state.pointee.byteCount &-= Int(header.pointee.sourceByteCount)
        header.pointee.source = nil
        header.pointee.sourceByteCount = 0
    }

    private mutating func keepSource(_ source: UnsafeRawBufferPointer, of item: ItemID) {
        let block = UnsafeMutableRawPointer.allocate(byteCount: source.count, alignment: 8)
        copy(source, to: block)
        header(item).pointee.source = block
        header(item).pointee.sourceByteCount = Int32(truncatingIfNeeded: source.count)
        state.pointee.byteCount &+= source.count
        state.pointee.holds[Int(item)].references |= Self.hasExtras
    }

    @inline(__always)
    private func copy(_ bytes: UnsafeRawBufferPointer, to place: UnsafeMutableRawPointer) {
        if let base = bytes.baseAddress { place.copyMemory(from: base, byteCount: bytes.count) }
    }

    /// Makes an item with the values that are there, retained once; its packet and flow are unknown.
    ///
    /// - Parameter text: what the places of the values are in.
    private mutating func make(
        time: Timestamp, label: RuleLabelID,
        _ fields: UnsafeBufferPointer<CorrelationAlert.Value>, actor: CorrelationAlert.Value,
        victim: CorrelationAlert.Value, text: UnsafeRawBufferPointer
    ) -> ItemID {
        let actorField = field(saying: actor, fields, text)
        let victimField = field(saying: victim, fields, text)
        let hasActor = actor.kind != .none && actorField < 0
        let hasVictim = victim.kind != .none && victimField < 0
        var valueCount = (hasActor ? 1 : 0) &+ (hasVictim ? 1 : 0)
        for index in 0..<fieldCount where fields[index].kind != .none { valueCount &+= 1 }
        let textOffset = valueCount &* MemoryLayout<ItemValue>.stride
        let item = reserve(
            time: time, label: label, contentsByteCount: textOffset &+ text.count)
        copy(text, to: contents(item) + textOffset)
        let presence = presence(item)
        for word in 0..<presenceWordCount { presence[word] = 0 }
        var place = contents(item)
        for index in 0..<fieldCount where fields[index].kind != .none {
            add(fields[index], index, at: &place, textOffset, to: item)
        }
        if hasActor { add(actor, fieldCount, at: &place, textOffset, to: item) }
        if hasVictim { add(victim, fieldCount &+ 1, at: &place, textOffset, to: item) }
        header(item).pointee.actorField = actorField
        header(item).pointee.victimField = victimField
        return item
    }

    /// The first carried field that says what a host says; -1 without one.
    @inline(__always) private func field(
        saying host: CorrelationAlert.Value,
        _ fields: UnsafeBufferPointer<CorrelationAlert.Value>, _ text: UnsafeRawBufferPointer
    ) -> Int16 {
        guard host.kind != .none else { return -1 }
        for index in 0..<min(fieldCount, Int(Int16.max))
        where fields[index].kind == host.kind && fields[index].byteCount == host.byteCount {
            guard
                fields[index].offset == host.offset
                    || GroupKey.areEqual(fields[index].bytes(in: text), host.bytes(in: text))
            else { continue }
            return Int16(truncatingIfNeeded: index)
        }
        return -1
    }

    /// Puts a value behind those that an item has already; its text is there.
    @inline(__always) private func add(
        _ value: CorrelationAlert.Value, _ index: Int, at place: inout UnsafeMutableRawPointer,
        _ textOffset: Int, to item: ItemID
    ) {
        presence(item)[index >> 6] |= 1 << UInt64(index & 63)
        let offset = UInt32(truncatingIfNeeded: textOffset) &+ value.offset
        let text = UnsafeRawBufferPointer(
            start: contents(item) + Int(offset), count: Int(value.byteCount))
        place.storeBytes(
            of: ItemValue(kind: value.kind, offset: offset, text: text), as: ItemValue.self)
        place += MemoryLayout<ItemValue>.stride
    }

    private mutating func reserve(
        time: Timestamp, label: RuleLabelID, contentsByteCount: Int
    ) -> ItemID {
        let item = state.pointee.takeSlot()
        // Nobody has read the slot that comes next for long.
        if state.pointee.firstFree != Self.noSlot {
            Cairn.prefetch(slot(state.pointee.firstFree), byteCount: stride)
        }
        let header = header(item)
        header.initialize(
            to: ItemHeader(time: time, packet: -1, flowID: -1, label: label, detail: -1))
        if contentsByteCount > inlineByteCount {
            header.pointee.block = .allocate(byteCount: contentsByteCount, alignment: 8)
            header.pointee.blockByteCount = Int32(truncatingIfNeeded: contentsByteCount)
            state.pointee.byteCount &+= contentsByteCount
            state.pointee.holds[Int(item)].references |= Self.hasExtras
        }
        state.pointee.byteCount &+= stride
        state.pointee.holds[Int(item)].label = label
        catalog.retain(label)
        return item
    }

    private mutating func remove(_ item: ItemID) {
        if state.pointee.holds[Int(item)].references & Self.hasExtras != 0 {
            let header = header(item)
            freeBlocks(header)
            state.pointee.byteCount &-=
                Int(header.pointee.blockByteCount) &+ Int(header.pointee.sourceByteCount)
            if header.pointee.detail >= 0 {
                let index = Int(header.pointee.detail)
                state.pointee.byteCount &-= state.pointee.details[index]?.byteCount ?? 0
                state.pointee.details[index] = nil
                state.pointee.freeDetails.append(header.pointee.detail)
            }
        }
        state.pointee.byteCount &-= stride
        catalog.release(state.pointee.holds[Int(item)].label)
        state.pointee.holds[Int(item)].references = state.pointee.firstFree
        state.pointee.firstFree = item
    }

    private func freeBlocks(_ header: UnsafeMutablePointer<ItemHeader>) {
        header.pointee.block?.deallocate()
        header.pointee.source?.deallocate()
    }
}

// MARK: - Checkpoint

extension ItemStore {
    private enum Part {
        static let packet: UInt8 = 1
        static let flowID: UInt8 = 2
        static let source: UInt8 = 4
        static let firing: UInt8 = 8
    }

    /// Mentions an item.
    func save(_ item: ItemID, to writer: inout CheckpointWriter) {
        guard writer.mention(item, .item) else { return }
        let header = header(item).pointee
        let detail = detail(item)
        writer.time(header.time)
        catalog.save(header.label, to: &writer)
        writer.byte(
            (header.hasPacket ? Part.packet : 0) | (header.hasFlowID ? Part.flowID : 0)
                | (header.source != nil ? Part.source : 0) | (detail != nil ? Part.firing : 0))
        if header.hasPacket { writer.signed(header.packet) }
        if header.hasFlowID { writer.signed(header.flowID) }
        saveValues(of: item, detail, to: &writer)
        if let source = header.source {
            writer.text(UnsafeRawBufferPointer(start: source, count: Int(header.sourceByteCount)))
        }
        if let detail {
            writer.id(detail.id)
            for list in [detail.group, detail.actors, detail.victims] { writer.texts(list) }
        }
    }

    /// Actor and victim of a firing are in its details.
    private func valueCount(_ detail: FiringDetail?) -> Int {
        detail == nil ? fieldCount + 2 : fieldCount
    }

    /// Values that an item has in memory.
    private func storedValueCount(_ item: ItemID) -> Int {
        (0..<presenceWordCount).reduce(0) { $0 + presence(item)[$1].nonzeroBitCount }
    }

    private func saveValues(
        of item: ItemID, _ detail: FiringDetail?, to writer: inout CheckpointWriter
    ) {
        let count = valueCount(detail)
        let values = (0..<count).map { valueOrHost(item, $0) }
        let textOffset = storedValueCount(item) * MemoryLayout<ItemValue>.stride
        var textEnd = max(textOffset, Int(header(item).pointee.blockByteCount))
        for value in values {
            writer.byte(value.kind.rawValue)
            guard !value.isMissing else { continue }
            writer.count(Int(value.offset) - textOffset)
            writer.count(value.byteCount)
            textEnd = max(textEnd, Int(value.offset) + value.byteCount)
        }
        let text = UnsafeRawBufferPointer(start: contents(item), count: textEnd)
        writer.text(UnsafeRawBufferPointer(rebasing: text[textOffset...]))
    }

    /// The item that is mentioned next; the reader retains it.
    mutating func restoreItem(
        from reader: inout CheckpointReader
    ) throws(CheckpointError) -> ItemID {
        let place = try reader.mention(of: reader.items.count)
        if place < reader.items.count { return reader.items[place] }
        let time = try reader.time()
        let label = try catalog.restoreLabel(from: &reader)
        let parts = try reader.byte()
        guard parts < 16 else { throw .inconsistent("an item has unknown parts") }
        let packet = parts & Part.packet != 0 ? try reader.signed() : nil
        let flowID = parts & Part.flowID != 0 ? try reader.signed() : nil
        let isFiring = parts & Part.firing != 0
        let (values, text) = try restoreValues(isFiring ? fieldCount : fieldCount + 2, &reader)
        let source = parts & Part.source != 0 ? try reader.text() : []
        let detail = isFiring ? try Self.restoreDetail(from: &reader) : nil
        let item = values.withUnsafeBufferPointer { values in
            text.withUnsafeBytes { text in
                guard let detail else {
                    return make(
                        time: time, label: label, values, actor: values[fieldCount],
                        victim: values[fieldCount + 1], text: text)
                }
                return add(firing: detail, time: time, label: label, values: values, text: text)
            }
        }
        header(item).pointee.packet = packet ?? -1
        header(item).pointee.hasPacket = packet != nil
        header(item).pointee.flowID = flowID ?? -1
        header(item).pointee.hasFlowID = flowID != nil
        if !source.isEmpty { source.withUnsafeBytes { keepSource($0, of: item) } }
        reader.items.append(item)
        guard byteCount <= reader.itemByteCountMax else {
            throw .inconsistent("its items take more memory than they may")
        }
        return item
    }

    private static func restoreDetail(
        from reader: inout CheckpointReader
    ) throws(CheckpointError) -> FiringDetail {
        let id = try reader.id()
        let group = TextList(try reader.texts())
        let actors = TextList(try reader.texts())
        let victims = TextList(try reader.texts())
        return FiringDetail(id: id, group: group, actors: actors, victims: victims)
    }

    private func restoreValues(
        _ count: Int, _ reader: inout CheckpointReader
    ) throws(CheckpointError) -> (values: [CorrelationAlert.Value], text: [UInt8]) {
        var values: [CorrelationAlert.Value] = []
        for _ in 0..<count {
            let raw = try reader.byte()
            guard let kind = CorrelationAlert.Value.Kind(rawValue: raw) else {
                throw .inconsistent("a value is of no kind")
            }
            var value = CorrelationAlert.Value(kind: kind)
            if kind != .none {
                value.offset = UInt32(clamping: try reader.count())
                value.byteCount = UInt32(clamping: try reader.count())
            }
            values.append(value)
        }
        let text = try reader.text()
        guard values.allSatisfy({ Int($0.offset) + Int($0.byteCount) <= text.count }) else {
            throw .inconsistent("a value is not in its text")
        }
        return (values, text)
    }
}
