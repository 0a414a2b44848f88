/// Reads pcapng files ("PCAP Next Generation Capture File Format", draft-ietf-opsawg-pcapng):
/// sections of either byte order, each with interfaces of their own.
///
///     +------+--------------+------------------------------+--------------+
///     | type | total length | body, padded to four bytes   | total length |
///     +------+--------------+------------------------------+--------------+
///
/// Blocks of other types than packets, sections, interfaces and statistics are passed over,
/// whatever their size, and counted. Interfaces, at most `interfaceCountMax` a section, are all
/// that is remembered.
final class PcapNGReader: RecordParser {
    private(set) var recordOffset: UInt64 = 0
    private let source: UInt32
    private var isBigEndian = false
    private var interfaces: [Interface] = []
    private var lastTimestamp = Timestamp.epoch
    private var skip: Skip?
    private var skippedBlockCount: UInt64 = 0
    private var droppedBySystem: UInt64 = 0
    private var droppedByInterface: UInt64 = 0

    /// Interfaces of one section; a file that describes more is damaged.
    static let interfaceCountMax = 65_536

    /// The block types of the format's §11.1.
    enum BlockType {
        static let section: UInt32 = 0x0a0d_0d0a
        static let interface: UInt32 = 1
        static let obsoletePacket: UInt32 = 2
        static let simplePacket: UInt32 = 3
        static let statistics: UInt32 = 5
        static let enhancedPacket: UInt32 = 6
    }

    /// The option codes of §3.5 and of sections, interfaces and statistics.
    enum OptionCode {
        static let end: UInt16 = 0
        static let comment: UInt16 = 1
        static let sectionApplication: UInt16 = 4
        static let interfaceName: UInt16 = 2
        static let interfaceResolution: UInt16 = 9
        static let interfaceOffset: UInt16 = 14
        static let statisticsReceived: UInt16 = 4
        static let statisticsInterfaceDrops: UInt16 = 5
        static let statisticsSystemDrops: UInt16 = 7
    }

    /// The number by which a section's byte order is recognised.
    static let byteOrderMagic: UInt32 = 0x1a2b_3c4d
    /// Type, total length, and total length again.
    static let emptyBlockByteCount = 12
    /// The comment of a statistics block that stands for a tick of the clock, not for statistics.
    static let tickComment = "cairn: clock"

    /// A block of the current section: an interface and how it stamps its packets.
    private struct Interface {
        var linkType: LinkType
        var snapLength: UInt32
        var clock = PcapNGClock()
        var droppedBySystem: UInt64 = 0
        var droppedByInterface: UInt64 = 0
    }

    /// A block that is being passed over.
    private struct Skip {
        var byteCount: UInt32
        /// Bytes of it that are still to come.
        var rest: Int
    }

    init(source: UInt32) { self.source = source }

    var isWithinRecord: Bool { skip != nil }

    /// Whether a file that begins with these bytes is pcapng.
    static func matches(head: [UInt8]) -> Bool {
        head.starts(with: [0x0a, 0x0d, 0x0d, 0x0a])
            && (head.count < 12 || head[8..<12] == [0x1a, 0x2b, 0x3c, 0x4d]
                || head[8..<12] == [0x4d, 0x3c, 0x2b, 0x1a])
    }

    func report(into counters: inout Counters) {
        let (system, interface) = interfaces.reduce((droppedBySystem, droppedByInterface)) {
            ($0.0 &+ $1.droppedBySystem, $0.1 &+ $1.droppedByInterface)
        }
        counters.add("capture.blocks_skipped", skippedBlockCount)
        counters.add("capture.kernel_drops", system)
        counters.add("capture.kernel_ifdrops", interface)
    }

    func parse(
        _ bytes: UnsafeRawBufferPointer, into frames: inout [Frame], countMax: Int
    ) -> ParseOutcome {
        var offset = 0
        do throws(Damage) {
            while frames.count < countMax {
                let consumed = try parseBlock(bytes, at: offset, into: &frames)
                if consumed == 0 { return ParseOutcome(consumed: offset, stop: .needsMore) }
                offset &+= consumed
            }
        } catch {
            return ParseOutcome(consumed: offset, stop: .damaged(error.reason))
        }
        return ParseOutcome(consumed: offset, stop: .full)
    }

    private struct Damage: Error {
        var reason: String
        init(_ reason: String) { self.reason = reason }
    }

    /// Reads one block, or passes over as much of it as is there.
    ///
    /// - Returns: bytes consumed; 0 if there is too little to go on.
    private func parseBlock(
        _ bytes: UnsafeRawBufferPointer, at offset: Int, into frames: inout [Frame]
    ) throws(Damage) -> Int {
        if skip != nil { return try skipOn(bytes, at: offset) }
        let available = bytes.count &- offset
        guard available >= Self.emptyBlockByteCount else { return 0 }
        let start = UnsafeRawBufferPointer(rebasing: bytes[offset...])
        let span = start.bytes
        let type = number32(span, at: 0)
        if type == BlockType.section { try readByteOrder(span) }
        let byteCount = number32(span, at: 4)
        guard byteCount >= Self.emptyBlockByteCount, byteCount & 3 == 0 else {
            throw Damage("a block of \(byteCount) bytes is announced")
        }
        switch type {
        case BlockType.section, BlockType.interface, BlockType.statistics,
            BlockType.obsoletePacket, BlockType.simplePacket, BlockType.enhancedPacket:
            break
        default:
            skip = Skip(byteCount: byteCount, rest: Int(byteCount))
            return try skipOn(bytes, at: offset)
        }
        guard byteCount <= RecordLimit.recordByteCountMax else {
            throw Damage("a block of \(byteCount) bytes is announced")
        }
        guard available >= Int(byteCount) else { return 0 }
        try checkTrailer(span, at: Int(byteCount) &- 4, byteCount)
        let block = UnsafeRawBufferPointer(rebasing: start[..<Int(byteCount)])
        switch type {
        case BlockType.section: try startSection(block.bytes)
        case BlockType.interface: try addInterface(block.bytes)
        case BlockType.statistics: try readStatistics(block.bytes, into: &frames)
        case BlockType.simplePacket: try readSimplePacket(block, into: &frames)
        default: try readPacket(block, type, into: &frames)
        }
        recordOffset &+= UInt64(byteCount)
        return Int(byteCount)
    }

    /// Passes over the block that `skip` tells of; its total length is checked at its end, as that
    /// of all blocks.
    private func skipOn(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(Damage) -> Int {
        guard var skip else { return 0 }
        let available = bytes.count &- offset
        let passed = min(available, skip.rest &- 4)
        skip.rest &-= passed
        self.skip = skip
        guard skip.rest == 4, available &- passed >= 4 else { return passed }
        try checkTrailer(bytes.bytes, at: offset &+ passed, skip.byteCount)
        self.skip = nil
        skippedBlockCount &+= 1
        recordOffset &+= UInt64(skip.byteCount)
        return passed &+ 4
    }

    private func checkTrailer(
        _ span: RawSpan, at offset: Int, _ byteCount: UInt32
    ) throws(Damage) {
        let trailer = number32(span, at: offset)
        guard trailer == byteCount else {
            throw Damage("a block of \(byteCount) bytes ends as one of \(trailer)")
        }
    }

    private func number32(_ span: RawSpan, at offset: Int) -> UInt32 {
        span.number(UInt32.self, at: offset, bigEndian: isBigEndian)
    }

    private func number16(_ span: RawSpan, at offset: Int) -> UInt16 {
        span.number(UInt16.self, at: offset, bigEndian: isBigEndian)
    }
}

// MARK: - Sections and interfaces

extension PcapNGReader {
    /// The byte order of a section stands behind its length, and is needed to read that.
    private func readByteOrder(_ span: RawSpan) throws(Damage) {
        switch span.bigEndian(UInt32.self, at: 8) {
        case Self.byteOrderMagic: isBigEndian = true
        case Self.byteOrderMagic.byteSwapped: isBigEndian = false
        default: throw Damage("a section has no byte order")
        }
    }

    /// Section Header Block (§4.1).
    private func startSection(_ block: RawSpan) throws(Damage) {
        guard block.byteCount >= 28 else { throw Damage("a section header is too short") }
        let major = number16(block, at: 12)
        guard major == 1 else {
            throw Damage("version \(major).\(number16(block, at: 14)) of pcapng is not known")
        }
        for interface in interfaces {
            droppedBySystem &+= interface.droppedBySystem
            droppedByInterface &+= interface.droppedByInterface
        }
        interfaces.removeAll(keepingCapacity: true)
    }

    /// Interface Description Block (§4.2).
    private func addInterface(_ block: RawSpan) throws(Damage) {
        guard block.byteCount >= 20 else { throw Damage("an interface block is too short") }
        guard interfaces.count < Self.interfaceCountMax else {
            throw Damage("more than \(Self.interfaceCountMax) interfaces are described")
        }
        var interface = Interface(
            linkType: LinkType(rawValue: UInt32(number16(block, at: 8))),
            snapLength: number32(block, at: 12))
        try forEachOption(block, from: 16) { code, offset, byteCount in
            switch (code, byteCount) {
            case (OptionCode.interfaceResolution, 1):
                interface.clock.resolution = block.byte(at: offset)
            case (OptionCode.interfaceOffset, 8):
                interface.clock.offsetSeconds = block.number(
                    Int64.self, at: offset, bigEndian: isBigEndian)
            default: break
            }
        }
        interfaces.append(interface)
    }

    /// Interface Statistics Block (§4.6). Its counts are totals since the capture began, so the
    /// last block holds.
    private func readStatistics(
        _ block: RawSpan, into frames: inout [Frame]
    ) throws(Damage) {
        guard block.byteCount >= 24 else { throw Damage("a statistics block is too short") }
        let index = try interfaceIndex(number32(block, at: 8))
        var isTick = false
        try forEachOption(block, from: 20) { code, offset, byteCount in
            switch (code, byteCount) {
            case (OptionCode.comment, Self.tickComment.utf8.count):
                isTick = block.array(from: offset, count: byteCount).elementsEqual(
                    Self.tickComment.utf8)
            case (OptionCode.statisticsInterfaceDrops, 8):
                interfaces[index].droppedByInterface = block.number(
                    UInt64.self, at: offset, bigEndian: isBigEndian)
            case (OptionCode.statisticsSystemDrops, 8):
                interfaces[index].droppedBySystem = block.number(
                    UInt64.self, at: offset, bigEndian: isBigEndian)
            default: break
            }
        }
        guard isTick else { return }
        lastTimestamp = timestamp(block, at: 12, interfaces[index])
        frames.append(
            Frame(
                number: 0, timestamp: lastTimestamp, linkType: interfaces[index].linkType,
                source: source, originalByteCount: 0,
                bytes: UnsafeRawBufferPointer(start: nil, count: 0), isTick: true))
    }

    /// Walks the options of a block (§3.5): code, length, and a value padded to four bytes.
    private func forEachOption(
        _ block: RawSpan, from start: Int, _ body: (UInt16, Int, Int) -> Void
    ) throws(Damage) {
        let end = block.byteCount &- 4
        var offset = start
        while end &- offset >= 4 {
            let code = number16(block, at: offset)
            let byteCount = Int(number16(block, at: offset &+ 2))
            if code == OptionCode.end { return }
            guard byteCount <= end &- offset &- 4 else {
                throw Damage("an option of \(byteCount) bytes runs out of its block")
            }
            body(code, offset &+ 4, byteCount)
            offset &+= 4 &+ (byteCount &+ 3) & ~3
        }
    }

    private func interfaceIndex(_ number: UInt32) throws(Damage) -> Int {
        guard number < interfaces.count else {
            throw Damage("interface \(number) is not described")
        }
        return Int(number)
    }

    private func timestamp(_ block: RawSpan, at offset: Int, _ interface: Interface) -> Timestamp {
        let ticks =
            UInt64(number32(block, at: offset)) << 32 | UInt64(number32(block, at: offset &+ 4))
        return interface.clock.timestamp(ticks: ticks)
    }
}

// MARK: - Packets

extension PcapNGReader {
    /// Enhanced Packet Block (§4.3), and the obsolete Packet Block (appendix A), which differs in
    /// that its interface has 16 bits, and a count of drops behind it.
    private func readPacket(
        _ block: UnsafeRawBufferPointer, _ type: UInt32, into frames: inout [Frame]
    ) throws(Damage) {
        let span = block.bytes
        guard span.byteCount >= 32 else { throw Damage("a packet block is too short") }
        let number =
            type == BlockType.enhancedPacket
            ? number32(span, at: 8) : UInt32(number16(span, at: 8))
        let index = try interfaceIndex(number)
        let captured = number32(span, at: 20)
        guard captured <= RecordLimit.capturedByteCountMax,
            Int(captured) <= span.byteCount &- 32
        else { throw Damage("a frame of \(captured) bytes is announced") }
        lastTimestamp = timestamp(span, at: 12, interfaces[index])
        frames.append(
            Frame(
                number: 0, timestamp: lastTimestamp, linkType: interfaces[index].linkType,
                source: source, originalByteCount: max(number32(span, at: 24), captured),
                bytes: UnsafeRawBufferPointer(
                    start: block.baseAddress.map { $0 + 28 }, count: Int(captured))))
    }

    /// Simple Packet Block (§4.4): of the first interface, without a stamp. It gets the stamp
    /// before it, so that it moves no clock.
    private func readSimplePacket(
        _ block: UnsafeRawBufferPointer, into frames: inout [Frame]
    ) throws(Damage) {
        let span = block.bytes
        guard span.byteCount >= 16 else { throw Damage("a packet block is too short") }
        let interface = interfaces[try interfaceIndex(0)]
        let original = number32(span, at: 8)
        let captured =
            interface.snapLength == 0 ? original : min(original, interface.snapLength)
        guard captured <= RecordLimit.capturedByteCountMax,
            Int(captured) <= span.byteCount &- 16
        else { throw Damage("a frame of \(captured) bytes is announced") }
        frames.append(
            Frame(
                number: 0, timestamp: lastTimestamp, linkType: interface.linkType,
                source: source, originalByteCount: original,
                bytes: UnsafeRawBufferPointer(
                    start: block.baseAddress.map { $0 + 12 }, count: Int(captured))))
    }
}
