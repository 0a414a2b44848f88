/// Blocks of a pcapng file, little-endian, one behind the other.
struct PcapNGBlocks {
    private typealias Code = PcapNGReader.OptionCode
    private typealias BlockType = PcapNGReader.BlockType

    private(set) var bytes: [UInt8] = []

    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// How many of the first `byteCount` bytes are whole blocks.
    func wholeBlocks(in byteCount: Int) -> Int {
        var whole = 0
        while whole + PcapNGReader.emptyBlockByteCount <= byteCount {
            let length = Int(bytes.span.bytes.littleEndian(UInt32.self, at: whole + 4))
            if whole + length > byteCount { break }
            whole += length
        }
        return whole
    }

    mutating func addSection(application: String) {
        addBlock(BlockType.section) { blocks in
            blocks.add(PcapNGReader.byteOrderMagic)
            blocks.add(UInt16(1))
            blocks.add(UInt16(0))
            blocks.add(Int64(-1))
            blocks.addOption(Code.sectionApplication, Array(application.utf8))
            blocks.addOption(Code.end, [])
        }
    }

    mutating func addInterface(linkType: UInt16, name: String?) {
        addBlock(BlockType.interface) { blocks in
            blocks.add(linkType)
            blocks.add(UInt16(0))
            blocks.add(UInt32(RecordLimit.capturedByteCountMax))
            if let name { blocks.addOption(Code.interfaceName, Array(name.utf8.prefix(1_024))) }
            blocks.addOption(Code.interfaceResolution, [9])
            blocks.addOption(Code.end, [])
        }
    }

    mutating func addPacket(interface: UInt32, _ frame: Frame) {
        let captured = min(frame.bytes.count, RecordLimit.capturedByteCountMax)
        addBlock(BlockType.enhancedPacket) { blocks in
            blocks.add(interface)
            blocks.add(frame.timestamp)
            blocks.add(UInt32(captured))
            blocks.add(frame.originalByteCount)
            blocks.addPadded(UnsafeRawBufferPointer(rebasing: frame.bytes[..<captured]))
        }
    }

    mutating func addStatistics(
        interface: UInt32, _ time: Timestamp, comment: String? = nil, losses: KernelLosses? = nil
    ) {
        addBlock(BlockType.statistics) { blocks in
            blocks.add(interface)
            blocks.add(time)
            if let comment { blocks.addOption(Code.comment, Array(comment.utf8)) }
            if let losses {
                blocks.addOption(Code.statisticsReceived, losses.received)
                blocks.addOption(Code.statisticsInterfaceDrops, losses.droppedByInterface)
                blocks.addOption(Code.statisticsSystemDrops, losses.droppedBySystem)
            }
            blocks.addOption(Code.end, [])
        }
    }

    /// Adds type, body and both lengths.
    private mutating func addBlock(_ type: UInt32, _ body: (inout PcapNGBlocks) -> Void) {
        let start = bytes.count
        add(type)
        add(UInt32(0))
        body(&self)
        let length = UInt32(truncatingIfNeeded: bytes.count - start + 4)
        add(length)
        withUnsafeBytes(of: length.littleEndian) { length in
            bytes.replaceSubrange(start + 4..<start + 8, with: length)
        }
    }

    private mutating func add(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Nanoseconds in two halves, the upper one first.
    private mutating func add(_ time: Timestamp) {
        let nanoseconds = UInt64(max(0, time.nanoseconds))
        add(UInt32(truncatingIfNeeded: nanoseconds >> 32))
        add(UInt32(truncatingIfNeeded: nanoseconds))
    }

    private mutating func addPadded(_ value: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: value)
        bytes.append(contentsOf: repeatElement(0, count: -value.count & 3))
    }

    private mutating func addOption(_ code: UInt16, _ value: [UInt8]) {
        add(code)
        add(UInt16(truncatingIfNeeded: value.count))
        value.withUnsafeBytes { addPadded($0) }
    }

    private mutating func addOption(_ code: UInt16, _ value: UInt64) {
        withUnsafeBytes(of: value.littleEndian) { addOption(code, Array($0)) }
    }
}
