/// Why a saved state is of no use.
public struct CheckpointError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The reason, to be read after the name of the file.
    public let reason: String

    init(_ reason: String) { self.reason = reason }

    /// A state whose bytes are intact, but make no sense.
    static func inconsistent(_ what: String) -> CheckpointError {
        CheckpointError("makes no sense: \(what)")
    }

    /// The reason.
    public var description: String { reason }
}

/// Reads what `CheckpointWriter` wrote, trusting nothing: whatever the bytes say, reading ends with
/// values in their ranges or with an error, and memory is asked for only as far as there are bytes
/// to fill it.
struct CheckpointReader: ~Copyable {
    private static let blockByteCount = 1 << 16

    /// What was mentioned so far: items, labels, identities and hosts, each retained once until
    /// all is read.
    var items: [ItemID] = []
    var labels: [RuleLabelID] = []
    var identities: [Int32] = []
    var hosts: [HostID] = []
    /// Bytes that items may take.
    var itemByteCountMax = Int.max

    /// Bytes that were not taken yet.
    private(set) var byteCount: Int
    private let source: (UnsafeMutableRawBufferPointer) -> Int
    private var block: [UInt8] = []
    private var offset = 0

    /// - Parameters:
    ///   - byteCount: how many bytes there are.
    ///   - source: fills a buffer with the next bytes and says how many they are.
    init(byteCount: Int, source: @escaping (UnsafeMutableRawBufferPointer) -> Int) {
        self.byteCount = byteCount
        self.source = source
    }

    private mutating func fill() throws(CheckpointError) {
        let wanted = min(byteCount, Self.blockByteCount)
        let source = source
        block = Array(unsafeUninitializedCapacity: wanted) { buffer, count in
            count = max(0, min(wanted, source(UnsafeMutableRawBufferPointer(buffer))))
        }
        offset = 0
        if block.isEmpty { throw CheckpointError("is cut off") }
    }

    // MARK: Values

    mutating func byte() throws(CheckpointError) -> UInt8 {
        guard byteCount > 0 else { throw .inconsistent("it ends early") }
        if offset == block.count { try fill() }
        offset &+= 1
        byteCount &-= 1
        return block[offset &- 1]
    }

    mutating func flag() throws(CheckpointError) -> Bool {
        let value = try byte()
        guard value < 2 else { throw .inconsistent("a flag is \(value)") }
        return value == 1
    }

    mutating func number() throws(CheckpointError) -> UInt64 {
        var value: UInt64 = 0
        for digit in 0..<10 {
            let byte = try byte()
            value |= UInt64(byte & 0x7f) << UInt64(7 * digit)
            guard byte >= 0x80 else {
                guard digit < 9 || byte < 2 else { break }
                return value
            }
        }
        throw .inconsistent("a number is too long")
    }

    /// A count of something: far from the ends of the range, so that it can be counted on.
    mutating func count() throws(CheckpointError) -> Int {
        let value = try number()
        guard value < 1 << 60 else { throw .inconsistent("a count is \(value)") }
        return Int(value)
    }

    /// A count of things that follow, each of which takes a byte at least.
    mutating func length(atMost most: Int = .max) throws(CheckpointError) -> Int {
        let value = try count()
        guard value <= byteCount, value <= most else {
            throw .inconsistent("\(value) is more than there can be")
        }
        return value
    }

    mutating func signed() throws(CheckpointError) -> Int64 {
        let value = try number()
        return Int64(bitPattern: value >> 1) ^ (0 &- Int64(bitPattern: value & 1))
    }

    mutating func time() throws(CheckpointError) -> Timestamp {
        Timestamp(nanoseconds: Int64(bitPattern: try fixed(UInt64.self)))
    }

    mutating func id() throws(CheckpointError) -> RecordID {
        let high = try fixed(UInt64.self)
        return RecordID(high: high, low: try fixed(UInt32.self))
    }

    mutating func fixed<T: FixedWidthInteger & UnsignedInteger>(
        _ type: T.Type
    ) throws(CheckpointError) -> T {
        var value: T = 0
        for index in 0..<T.bitWidth / 8 { value |= T(try byte()) << T(8 * index) }
        return value
    }

    mutating func level() throws(CheckpointError) -> Level {
        let value = try byte()
        guard let level = Level(rawValue: value) else { throw .inconsistent("level \(value)") }
        return level
    }

    mutating func text() throws(CheckpointError) -> [UInt8] {
        try raw(byteCount: try length())
    }

    mutating func texts() throws(CheckpointError) -> [[UInt8]] {
        var list: [[UInt8]] = []
        for _ in 0..<(try length()) { list.append(try text()) }
        return list
    }

    /// Bytes of a known number.
    mutating func raw(byteCount count: Int) throws(CheckpointError) -> [UInt8] {
        guard count <= byteCount else { throw .inconsistent("it ends early") }
        var bytes: [UInt8] = []
        while bytes.count < count {
            if offset == block.count { try fill() }
            let taken = min(count - bytes.count, block.count - offset)
            bytes.append(contentsOf: block[offset..<offset + taken])
            offset += taken
            byteCount -= taken
        }
        return bytes
    }

    mutating func optional<Value>(
        _ read: (inout CheckpointReader) throws(CheckpointError) -> Value
    ) throws(CheckpointError) -> Value? {
        try flag() ? try read(&self) : nil
    }

    /// A place in a list, or just behind it: then what is mentioned is new and described next.
    mutating func mention(of knownCount: Int) throws(CheckpointError) -> Int {
        let place = try count()
        guard place <= knownCount else { throw .inconsistent("it mentions what is not there") }
        return place
    }
}
