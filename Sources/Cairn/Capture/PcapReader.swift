/// Reads pcap files ("PCAP Capture File Format", draft-ietf-opsawg-pcap), version 2.4 and before,
/// in either byte order.
///
///      file header, 24 bytes: magic, version, two unused words, snap length, link type
///     +--------+--------+----------+----------+
///     | second | frac.  | captured | original |  record header, 16 bytes, then the captured bytes
///     +--------+--------+----------+----------+
///
/// The fraction counts micro- or nanoseconds. Kuznetzov's variant adds interface, protocol and
/// packet type, 8 bytes, to each record header.
final class PcapReader: RecordParser {
    private(set) var recordOffset: UInt64 = 0
    private let variant: Variant
    private let source: UInt32
    private var header: Header?

    /// What the first four bytes of a file tell.
    struct Variant: Equatable {
        var isBigEndian: Bool
        var nanosecondsPerTick: Int64 = 1_000
        var recordHeaderByteCount = 16

        init?(head: [UInt8]) {
            switch Array(head.prefix(4)) {
            case [0xa1, 0xb2, 0xc3, 0xd4]: self.init(isBigEndian: true)
            case [0xd4, 0xc3, 0xb2, 0xa1]: self.init(isBigEndian: false)
            case [0xa1, 0xb2, 0x3c, 0x4d]: self.init(isBigEndian: true, nanosecondsPerTick: 1)
            case [0x4d, 0x3c, 0xb2, 0xa1]: self.init(isBigEndian: false, nanosecondsPerTick: 1)
            case [0xa1, 0xb2, 0xcd, 0x34]: self.init(isBigEndian: true, recordHeaderByteCount: 24)
            case [0x34, 0xcd, 0xb2, 0xa1]: self.init(isBigEndian: false, recordHeaderByteCount: 24)
            default: return nil
            }
        }

        private init(
            isBigEndian: Bool, nanosecondsPerTick: Int64 = 1_000, recordHeaderByteCount: Int = 16
        ) {
            self.isBigEndian = isBigEndian
            self.nanosecondsPerTick = nanosecondsPerTick
            self.recordHeaderByteCount = recordHeaderByteCount
        }
    }

    /// What the records need of the file header.
    private struct Header {
        static let byteCount = 24
        let linkType: LinkType
        /// Files before version 2.4 have the two lengths in either order.
        let hasLengthsInEitherOrder: Bool
    }

    init(_ variant: Variant, source: UInt32) {
        self.variant = variant
        self.source = source
    }

    var isWithinRecord: Bool { false }

    func report(into counters: inout Counters) {}

    func parse(
        _ bytes: UnsafeRawBufferPointer, into frames: inout [Frame], countMax: Int
    ) -> ParseOutcome {
        var offset = 0
        if header == nil {
            guard bytes.count >= Header.byteCount else {
                return ParseOutcome(consumed: 0, stop: .needsMore)
            }
            let span = bytes.bytes
            let major = span.number(UInt16.self, at: 4, bigEndian: variant.isBigEndian)
            let minor = span.number(UInt16.self, at: 6, bigEndian: variant.isBigEndian)
            // 543.0 is what the tcpdump of DG/UX wrote.
            guard major == 2 || major == 543 else {
                return ParseOutcome(
                    consumed: 0, stop: .damaged("version \(major).\(minor) of pcap is not known"))
            }
            // The upper six bits are the length of the frame check sequence, and whether there is
            // one.
            let network = span.number(UInt32.self, at: 20, bigEndian: variant.isBigEndian)
            header = Header(
                linkType: LinkType(rawValue: network & 0x03ff_ffff),
                hasLengthsInEitherOrder: major != 2 || minor < 4)
            offset = Header.byteCount
            recordOffset = UInt64(Header.byteCount)
        }
        guard let header else { return ParseOutcome(consumed: 0, stop: .needsMore) }
        let outcome = parseRecords(
            bytes, from: offset, header, into: &frames, countMax: countMax)
        recordOffset &+= UInt64(outcome.consumed &- offset)
        return outcome
    }

    /// Bytes ahead of a record that are asked for.
    private static let prefetchByteCount = 4096

    private func parseRecords(
        _ bytes: UnsafeRawBufferPointer, from start: Int, _ header: Header,
        into frames: inout [Frame], countMax: Int
    ) -> ParseOutcome {
        let span = bytes.bytes
        let isBigEndian = variant.isBigEndian
        let nanosecondsPerTick = variant.nanosecondsPerTick
        let headerByteCount = variant.recordHeaderByteCount
        var offset = start
        var prefetched = start
        while span.byteCount &- offset >= headerByteCount {
            // Where a record ends is known only when its header is there.
            let ahead = min(span.byteCount, offset &+ Self.prefetchByteCount)
            if prefetched < ahead {
                prefetch(bytes.baseAddress.map { $0 + prefetched }, byteCount: ahead &- prefetched)
                prefetched = ahead
            }
            if frames.count >= countMax { return ParseOutcome(consumed: offset, stop: .full) }
            let seconds = span.number(UInt32.self, at: offset, bigEndian: isBigEndian)
            let fraction = span.number(UInt32.self, at: offset &+ 4, bigEndian: isBigEndian)
            var captured = span.number(UInt32.self, at: offset &+ 8, bigEndian: isBigEndian)
            var original = span.number(UInt32.self, at: offset &+ 12, bigEndian: isBigEndian)
            if header.hasLengthsInEitherOrder, captured > original { swap(&captured, &original) }
            guard captured <= RecordLimit.capturedByteCountMax else {
                return ParseOutcome(
                    consumed: offset, stop: .damaged("a frame of \(captured) bytes is announced"))
            }
            let byteCount = Int(captured)
            let dataOffset = offset &+ headerByteCount
            guard span.byteCount &- dataOffset >= byteCount else { break }
            frames.append(
                Frame(
                    number: 0,
                    timestamp: Timestamp(
                        nanoseconds: Int64(seconds) &* nanosecondsPerSecond
                            &+ Int64(fraction) &* nanosecondsPerTick),
                    linkType: header.linkType, source: source,
                    originalByteCount: max(original, captured),
                    bytes: UnsafeRawBufferPointer(
                        start: bytes.baseAddress.map { $0 + dataOffset }, count: byteCount)))
            offset = dataOffset &+ byteCount
        }
        return ParseOutcome(consumed: offset, stop: .needsMore)
    }
}

extension RawSpan {
    /// A number in the byte order of a capture file.
    @inline(__always)
    func number<T: FixedWidthInteger & BitwiseCopyable>(
        _ type: T.Type, at offset: Int, bigEndian isBigEndian: Bool
    ) -> T {
        isBigEndian ? bigEndian(T.self, at: offset) : littleEndian(T.self, at: offset)
    }
}
