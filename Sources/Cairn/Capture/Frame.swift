/// What a link layer header looks like, by the numbers of the LINKTYPE registry of tcpdump.org.
struct LinkType: RawRepresentable, Hashable, Sendable {
    let rawValue: UInt32

    static let null = LinkType(rawValue: 0)
    static let ethernet = LinkType(rawValue: 1)
    static let ppp = LinkType(rawValue: 9)
    /// DLT_RAW as some systems wrote it before LINKTYPE_RAW was assigned.
    static let rawOld12 = LinkType(rawValue: 12)
    static let rawOld14 = LinkType(rawValue: 14)
    static let pppHDLC = LinkType(rawValue: 50)
    static let raw = LinkType(rawValue: 101)
    static let ciscoHDLC = LinkType(rawValue: 104)
    static let ieee80211 = LinkType(rawValue: 105)
    static let loop = LinkType(rawValue: 108)
    static let linuxCooked = LinkType(rawValue: 113)
    static let ieee80211Radiotap = LinkType(rawValue: 127)
    static let ipv4 = LinkType(rawValue: 228)
    static let ipv6 = LinkType(rawValue: 229)
    static let linuxCooked2 = LinkType(rawValue: 276)
}

/// One captured frame: a value that points into the memory of its batch.
struct Frame {
    /// Position in the whole run, from 1, in reading order: `pcap_cnt`.
    var number: UInt64
    /// When it was captured.
    var timestamp: Timestamp
    /// How its first bytes are to be read.
    var linkType: LinkType
    /// Which source it came from: an index into `FrameSource.sourceNames`.
    var source: UInt32
    /// Bytes on the wire; more than `bytes.count` where a snap length cut it.
    var originalByteCount: UInt32
    /// The captured bytes, valid as long as the batch is not refilled. Empty for a tick.
    var bytes: UnsafeRawBufferPointer
    /// A frame without bytes that only moves the clock (a live interface in silence).
    var isTick = false
}

/// A run of consecutive frames with the memory that they and everything decoded from them point
/// into.
///
/// A batch is filled by a source, then decoded, inspected and merged, again and again, so nothing is
/// allocated in steady state. It is used by one thread at a time.
final class FrameBatch {
    /// The frames in reading order.
    var frames: [Frame] = []
    /// Memory for captured bytes, at a stable address: sources read files straight into it.
    private(set) var storage: UnsafeMutableRawBufferPointer
    /// Memory for datagrams put together from fragments, and other bytes that no file holds.
    let arena = Arena()

    /// Makes an empty batch with room for `byteCapacity` captured bytes.
    init(byteCapacity: Int = FrameBatch.defaultByteCapacity) {
        storage = allocateLarge(byteCount: byteCapacity)
        frames.reserveCapacity(4096)
    }

    deinit { storage.deallocate() }

    /// A piece of a file, and the longest frame behind it.
    static let defaultByteCapacity = 2 << 20
    /// Frames that a batch holds at most, so that work is shared out evenly when frames are small.
    static let frameCountMax = 8192

    /// Forgets the frames and arena, keeps the memory.
    func removeAll() {
        frames.removeAll(keepingCapacity: true)
        arena.removeAll()
    }

    /// Gives the memory away for other memory, which a source has filled; frames must be listed
    /// anew.
    func exchangeStorage(with other: inout UnsafeMutableRawBufferPointer) {
        swap(&storage, &other)
    }

    /// Exchanges frames and their memory with another batch.
    func exchangeFrames(with other: FrameBatch) {
        swap(&frames, &other.frames)
        swap(&storage, &other.storage)
    }

    /// Makes room for at least `byteCount` bytes, keeping the first `keeping` bytes. Frames already
    /// listed must be listed again: their memory moves.
    func grow(to byteCount: Int, keeping: Int) {
        guard byteCount > storage.count else { return }
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 16)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: storage[..<keeping]))
        storage.deallocate()
        storage = larger
    }
}

/// Where frames come from: a capture file, several of them, or a live interface. Called once a
/// batch.
protocol FrameSource: AnyObject {
    /// Empties the batch and fills it with the next frames.
    ///
    /// - Returns: false at the end of the input, with an empty batch.
    /// - Throws: `CaptureError`; everything read before it has been delivered.
    func fill(_ batch: FrameBatch) throws(CaptureError) -> Bool

    /// The names of the captures or interfaces that frames refer to by `Frame.source`, as the user
    /// named them.
    var sourceNames: [String] { get }

    /// Adds what was read, skipped and lost.
    func report(into counters: inout Counters)
}

/// Why frames cannot be had.
public enum CaptureError: Error, Equatable, Sendable {
    /// The file cannot be opened or read: the system's reason. Exit code 4.
    case unreadable(path: String, reason: String)
    /// The file is no capture: what it seems to be. Exit code 4.
    case notACapture(path: String, looksLike: String)
    /// The file ends within a record that begins at `offset`. Exit code 5; whole frames before it
    /// were delivered.
    case cutOff(path: String, offset: UInt64)
    /// A record at `offset` contradicts the format, and nothing behind it can be read. Exit code 5.
    case damaged(path: String, offset: UInt64, reason: String)
    /// The filter expression does not compile: libpcap's reason. Exit code 2.
    case badFilter(expression: String, reason: String)
    /// The interface cannot be opened. Exit code 6.
    case interface(name: String, reason: String)
    /// A capture cannot be written: the system's reason. Exit code 6.
    case unwritable(path: String, reason: String)
    /// The rights of a user cannot be taken on. Exit code 6.
    case privileges(user: String, reason: String)
}
