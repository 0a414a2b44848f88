/// The options of a TCP header that reassembly needs (RFC 9293 §3.2).
struct SegmentOptions: Equatable {
    /// Timestamps (RFC 7323 §3.2).
    var hasTimestamp = false
    var timestampValue: UInt32 = 0
    var timestampEcho: UInt32 = 0
    /// Window scale (RFC 7323 §2.2), at most 14.
    var windowScale: UInt8?
    /// Bytes that selective acknowledgements cover (RFC 2018 §3), as far as a window can hold them.
    var selectiveByteCount: UInt32 = 0
    /// Fast Open (RFC 7413 §4.1.1), with or without a cookie.
    var hasFastOpen = false

    /// The largest shift that RFC 7323 §2.3 allows; a larger one counts as this.
    static let windowScaleMax: UInt8 = 14
    /// The largest window (RFC 7323 §2.3).
    private static let windowByteCountMax: UInt32 = 1 << 30
    private static let headerByteCount = 20

    /// Reads the options of a TCP packet. An option that is cut short ends the list.
    @inline(__always) init(_ packet: UnsafePointer<Packet>) {
        let start = Int(packet.pointee.transportOffset) &+ Self.headerByteCount
        let end = min(Int(packet.pointee.payloadOffset), packet.pointee.bytes.count)
        guard start < end else { return }
        let bytes = UnsafeRawBufferPointer(rebasing: packet.pointee.bytes[start..<end]).bytes
        // What nearly every segment has: two no-operations and a timestamp.
        if bytes.byteCount == 12, bytes.bigEndian(UInt32.self, at: 0) == 0x0101_080a {
            readTimestamp(bytes, at: 4)
        } else {
            read(bytes)
        }
    }

    private mutating func read(_ bytes: RawSpan) {
        var offset = 0
        // Every option is at least one byte, and a header has at most forty.
        while offset < bytes.byteCount {
            let kind = bytes.byte(at: offset)
            if kind == 0 { return }
            if kind == 1 {
                offset &+= 1
                continue
            }
            guard offset &+ 1 < bytes.byteCount else { return }
            let count = Int(bytes.byte(at: offset &+ 1))
            guard count >= 2, offset &+ count <= bytes.byteCount else { return }
            switch (kind, count) {
            case (3, 3): windowScale = min(bytes.byte(at: offset &+ 2), Self.windowScaleMax)
            case (5, _): readSelective(bytes, at: offset &+ 2, end: offset &+ count)
            case (8, 10): readTimestamp(bytes, at: offset &+ 2)
            case (34, _): hasFastOpen = true
            // Fast Open's experimental number (RFC 6994): 254, then a magic number.
            case (254, 4...) where bytes.bigEndian(UInt16.self, at: offset &+ 2) == 0xf989:
                hasFastOpen = true
            default: break
            }
            offset &+= count
        }
    }

    private mutating func readSelective(_ bytes: RawSpan, at start: Int, end: Int) {
        var offset = start
        // At most four blocks fit.
        while offset &+ 8 <= end {
            let byteCount =
                bytes.bigEndian(UInt32.self, at: offset &+ 4)
                &- bytes.bigEndian(UInt32.self, at: offset)
            if byteCount < Self.windowByteCountMax { selectiveByteCount &+= byteCount }
            offset &+= 8
        }
    }

    @inline(__always) private mutating func readTimestamp(_ bytes: RawSpan, at offset: Int) {
        hasTimestamp = true
        timestampValue = bytes.bigEndian(UInt32.self, at: offset)
        timestampEcho = bytes.bigEndian(UInt32.self, at: offset &+ 4)
    }
}
