/// The options of a TCP segment as reassembly needs them.
struct SegmentOptions: Equatable {
    /// Timestamps (RFC 7323 §3.2).
    var hasTimestamp = false
    var timestampValue: UInt32 = 0
    var timestampEcho: UInt32 = 0
    /// Bytes that selective acknowledgements cover (RFC 2018 §3), as far as a window can hold them.
    var selectiveByteCount: UInt32 = 0
    /// Window scale (RFC 7323 §2.2), at most 14.
    var windowScale: UInt8?
    /// Fast Open (RFC 7413 §4.1.1), with or without a cookie.
    var hasFastOpen = false

    /// The largest shift that RFC 7323 §2.3 allows; a larger one counts as this.
    static let windowScaleMax: UInt8 = 14
    /// The largest window (RFC 7323 §2.3).
    private static let windowByteCountMax: UInt32 = 1 << 30
    /// Two no-operations and a timestamp: what nearly every segment has.
    private static let usualByteCount = 12

    /// Reads the options of a TCP packet.
    @inline(__always) init(_ packet: UnsafePointer<Packet>) {
        let start = Int(packet.pointee.transportOffset) &+ TCPHeader.byteCountMin
        let end = min(Int(packet.pointee.payloadOffset), packet.pointee.bytes.count)
        guard start < end else { return }
        let bytes = UnsafeRawBufferPointer(rebasing: packet.pointee.bytes[start..<end]).bytes
        if bytes.byteCount == Self.usualByteCount,
            bytes.bigEndian(UInt32.self, at: 0) == 0x0101_080a
        {
            hasTimestamp = true
            timestampValue = bytes.bigEndian(UInt32.self, at: 4)
            timestampEcho = bytes.bigEndian(UInt32.self, at: 8)
        } else {
            read(bytes)
        }
    }

    private mutating func read(_ bytes: RawSpan) {
        let options = TCPOptions(decoding: bytes)
        if let timestamp = options.timestamp {
            hasTimestamp = true
            timestampValue = timestamp.value
            timestampEcho = timestamp.echo
        }
        windowScale = options.windowScale.map { min($0, Self.windowScaleMax) }
        hasFastOpen = options.fastOpenCookie != nil
        // At most four blocks fit.
        guard let blocks = options.sackBlocks else { return }
        for offset in stride(from: blocks.lowerBound, to: blocks.upperBound, by: 8) {
            let byteCount =
                bytes.bigEndian(UInt32.self, at: offset &+ 4)
                &- bytes.bigEndian(UInt32.self, at: offset)
            if byteCount < Self.windowByteCountMax { selectiveByteCount &+= byteCount }
        }
    }
}
