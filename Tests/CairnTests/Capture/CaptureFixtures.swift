import CZlib
import CZstd

@testable import Cairn

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A frame as a value of its own, for comparing.
struct SeenFrame: Equatable {
    var number: UInt64 = 0
    var nanoseconds: Int64
    var linkType: UInt32 = 1
    var source: UInt32 = 0
    var original: UInt32
    var bytes: [UInt8]
    var isTick = false

    init(_ frame: Frame) {
        number = frame.number
        nanoseconds = frame.timestamp.nanoseconds
        linkType = frame.linkType.rawValue
        source = frame.source
        original = frame.originalByteCount
        bytes = Array(frame.bytes)
        isTick = frame.isTick
    }

    init(
        _ number: UInt64, at nanoseconds: Int64, _ bytes: [UInt8], original: UInt32? = nil,
        linkType: UInt32 = 1, source: UInt32 = 0
    ) {
        self.number = number
        self.nanoseconds = nanoseconds
        self.linkType = linkType
        self.source = source
        self.original = original ?? UInt32(bytes.count)
        self.bytes = bytes
    }
}

extension SeenFrame {
    /// The frame over a copy of its bytes.
    func frame(_ bytes: UnsafeRawBufferPointer) -> Frame {
        Frame(
            number: number, timestamp: Timestamp(nanoseconds: nanoseconds),
            linkType: LinkType(rawValue: linkType), source: source, originalByteCount: original,
            bytes: bytes, isTick: isTick)
    }
}

/// All that a source gave, and what ended it.
struct SeenRun: Equatable {
    var frames: [SeenFrame] = []
    var error: CaptureError?
}

/// Reads a source to its end, with three batches in turn, as the engine does.
func readAll(_ source: any FrameSource) -> SeenRun {
    readAll { batch throws(CaptureError) in try source.fill(batch) }
}

func readAll(_ fill: (FrameBatch) throws(CaptureError) -> Bool) -> SeenRun {
    let batches = (0..<3).map { _ in FrameBatch() }
    var run = SeenRun()
    var turn = 0
    // Looked at as late as may be: right before the batch is filled again.
    func look() { run.frames += batches[turn % 3].frames.map(SeenFrame.init) }
    do throws(CaptureError) {
        while true {
            look()
            guard try fill(batches[turn % 3]) else { break }
            turn += 1
        }
    } catch {
        run.error = error
    }
    for _ in 0..<2 {
        turn += 1
        look()
    }
    return run
}

/// Reads bytes as one capture called "test"; frames are numbered as in a run of it alone.
func readAll(
    _ bytes: [UInt8], pieceByteCount: Int = 1 << 20, readsAhead: Bool = false,
    filter: PacketFilter? = nil
) -> SeenRun {
    let options = CaptureFile.Options(
        layout: PieceLayout(pieceByteCount: pieceByteCount), readsAhead: readsAhead)
    do throws(CaptureError) {
        let file = try CaptureFile(
            path: "test", bytes: MemorySource(bytes), filter: filter, options: options)
        var run = readAll { batch throws(CaptureError) in try file.fill(batch) }
        for index in run.frames.indices { run.frames[index].number = UInt64(index + 1) }
        return run
    } catch {
        return SeenRun(error: error)
    }
}

/// Bytes in memory, read as from a file.
final class MemorySource: ByteSource {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(ByteSourceError) -> Int {
        let count = min(buffer.count, bytes.count - offset)
        bytes.withUnsafeBytes { all in
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: all[offset..<offset + count]))
        }
        offset += count
        return count
    }
}

/// Writes numbers in the byte order of a capture.
struct CaptureBytes {
    var bytes: [UInt8] = []
    var bigEndian = false

    mutating func add<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: bigEndian ? value.bigEndian : value.littleEndian) { bytes += $0 }
    }

    mutating func addPadded(_ data: [UInt8]) {
        bytes += data
        while bytes.count % 4 != 0 { bytes.append(0) }
    }
}

/// Bytes that tell where they come from, up to 1,500 of them.
func pattern(byteCount: Int, from start: Int) -> [UInt8] {
    Array(patternBytes[(start & 0xff)..<(start & 0xff) + byteCount])
}

private let patternBytes = (0..<1_800).map { UInt8(truncatingIfNeeded: $0 ^ $0 >> 3) }

/// Makes pcap files.
struct PcapMaker {
    var output = CaptureBytes()
    var nanoseconds = false
    var kuznetzov = false

    init(
        bigEndian: Bool = false, nanoseconds: Bool = false, kuznetzov: Bool = false,
        linkType: UInt32 = 1, version: (UInt16, UInt16) = (2, 4)
    ) {
        output.bigEndian = bigEndian
        self.nanoseconds = nanoseconds
        self.kuznetzov = kuznetzov
        let magic: UInt32 = nanoseconds ? 0xa1b2_3c4d : kuznetzov ? 0xa1b2_cd34 : 0xa1b2_c3d4
        output.add(magic)
        output.add(version.0)
        output.add(version.1)
        output.add(UInt64(0))
        output.add(UInt32(65_535))
        output.add(linkType)
    }

    mutating func add(
        seconds: UInt32, fraction: UInt32 = 0, _ data: [UInt8], captured: UInt32? = nil,
        original: UInt32? = nil
    ) {
        output.add(seconds)
        output.add(fraction)
        output.add(captured ?? UInt32(data.count))
        output.add(original ?? UInt32(data.count))
        if kuznetzov { output.add(UInt64(0x0102_0304)) }
        output.bytes += data
    }

    var bytes: [UInt8] { output.bytes }

    /// Frames of some lengths from 0 to 1,500, a second apart from `second` on.
    static func sample(
        frames: Int, from second: UInt32 = 1_000, every: UInt32 = 1, mark: UInt8 = 0
    ) -> [UInt8] {
        var maker = PcapMaker()
        for index in 0..<frames {
            let data = pattern(byteCount: index * 37 % 1_501, from: index)
            maker.add(
                seconds: second + UInt32(index) * every, fraction: UInt32(index),
                data + [mark, UInt8(truncatingIfNeeded: index)])
        }
        return maker.bytes
    }
}

/// Makes pcapng files, block by block.
struct PcapNGMaker {
    var output = CaptureBytes()

    init(bigEndian: Bool = false, major: UInt16 = 1) {
        addSection(bigEndian: bigEndian, major: major)
    }

    var bytes: [UInt8] { output.bytes }

    mutating func addSection(bigEndian: Bool, major: UInt16 = 1, options: [UInt8] = []) {
        output.bigEndian = bigEndian
        addBlock(0x0a0d_0d0a) { body in
            body.add(UInt32(0x1a2b_3c4d))
            body.add(major)
            body.add(UInt16(0))
            body.add(Int64(-1))
            body.bytes += options
        }
    }

    mutating func addBlock(
        _ type: UInt32, trailer: UInt32? = nil, _ body: (inout CaptureBytes) -> Void
    ) {
        var content = CaptureBytes(bigEndian: output.bigEndian)
        body(&content)
        content.addPadded([])
        let length = UInt32(content.bytes.count + 12)
        output.add(type)
        output.add(length)
        output.bytes += content.bytes
        output.add(trailer ?? length)
    }

    mutating func addInterface(
        linkType: UInt16 = 1, snapLength: UInt32 = 0, resolution: UInt8? = nil,
        offsetSeconds: Int64? = nil
    ) {
        addBlock(1) { body in
            body.add(linkType)
            body.add(UInt16(0))
            body.add(snapLength)
            body.add(UInt16(2))
            body.add(UInt16(4))
            body.addPadded(Array("eth0".utf8))
            if let resolution {
                body.add(UInt16(9))
                body.add(UInt16(1))
                body.addPadded([resolution])
            }
            if let offsetSeconds {
                body.add(UInt16(14))
                body.add(UInt16(8))
                body.add(offsetSeconds)
            }
            body.add(UInt32(0))
        }
    }

    mutating func addPacket(
        interface: UInt32 = 0, ticks: UInt64, _ data: [UInt8], original: UInt32? = nil
    ) {
        addBlock(6) { body in
            body.add(interface)
            body.add(UInt32(truncatingIfNeeded: ticks >> 32))
            body.add(UInt32(truncatingIfNeeded: ticks))
            body.add(UInt32(data.count))
            body.add(original ?? UInt32(data.count))
            body.addPadded(data)
        }
    }

    mutating func addObsoletePacket(interface: UInt16, ticks: UInt64, _ data: [UInt8]) {
        addBlock(2) { body in
            body.add(interface)
            body.add(UInt16(7))
            body.add(UInt32(truncatingIfNeeded: ticks >> 32))
            body.add(UInt32(truncatingIfNeeded: ticks))
            body.add(UInt32(data.count))
            body.add(UInt32(data.count))
            body.addPadded(data)
        }
    }

    mutating func addSimplePacket(_ data: [UInt8], original: UInt32? = nil) {
        addBlock(3) { body in
            body.add(original ?? UInt32(data.count))
            body.addPadded(data)
        }
    }

    mutating func addStatistics(
        interface: UInt32 = 0, ticks: UInt64, options: [(UInt16, [UInt8])]
    ) {
        addBlock(5) { body in
            body.add(interface)
            body.add(UInt32(truncatingIfNeeded: ticks >> 32))
            body.add(UInt32(truncatingIfNeeded: ticks))
            for (code, value) in options {
                body.add(code)
                body.add(UInt16(value.count))
                body.addPadded(value)
            }
        }
    }

    /// Packets with other blocks between them, over two sections of different byte order.
    static func sample(packets: Int) -> [UInt8] {
        var maker = PcapNGMaker()
        maker.addInterface()
        maker.addInterface(linkType: 101, resolution: 9)
        for index in 0..<packets {
            let data = pattern(byteCount: index * 53 % 700, from: index)
            if index == packets / 2 {
                maker.addSection(bigEndian: true)
                maker.addInterface(linkType: 113)
                maker.addInterface(resolution: 0x94)
            }
            maker.addPacket(
                interface: UInt32(index % 2), ticks: 1_000_000_000 + UInt64(index) * 1_000_003, data
            )
            if index % 5 == 1 { maker.addSimplePacket(data) }
            if index % 7 == 3 { maker.addBlock(4) { $0.bytes += data } }
        }
        return maker.bytes
    }
}

/// One gzip member.
func gzip(_ bytes: [UInt8]) -> [UInt8] {
    var stream = z_stream()
    deflateInit2_(
        &stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
        CInt(MemoryLayout<z_stream>.size))
    defer { deflateEnd(&stream) }
    var input = bytes
    var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))) + 64)
    let count = input.withUnsafeMutableBufferPointer { source in
        output.withUnsafeMutableBufferPointer { target in
            stream.next_in = source.baseAddress
            stream.avail_in = UInt32(source.count)
            stream.next_out = target.baseAddress
            stream.avail_out = UInt32(target.count)
            deflate(&stream, Z_FINISH)
            return target.count - Int(stream.avail_out)
        }
    }
    return Array(output.prefix(count))
}

/// One zstd frame.
func zstd(_ bytes: [UInt8]) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
    let count = ZSTD_compress(&output, output.count, bytes, bytes.count, 3)
    return Array(output.prefix(count))
}

/// A folder that vanishes with the value.
final class TemporaryFolder {
    let path: String

    init() {
        var template = Array("/tmp/cairn-test-XXXXXX".utf8CString)
        _ = mkdtemp(&template)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { Self.remove(path) }

    /// Writes a file and returns its path.
    @discardableResult func write(_ name: String, _ bytes: [UInt8]) -> String {
        let file = fopen("\(path)/\(name)", "wb")
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
        return "\(path)/\(name)"
    }

    /// Writes text to a file and returns its path.
    @discardableResult func write(_ name: String, _ text: String) -> String {
        write(name, Array(text.utf8))
    }

    func read(_ name: String) -> [UInt8] {
        guard let file = fopen("\(path)/\(name)", "rb") else { return [] }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&piece, 1, piece.count, file)
            if count == 0 { return bytes }
            bytes += piece.prefix(count)
        }
    }

    private static func remove(_ path: String) {
        if let stream = opendir(path) {
            while let entry = readdir(stream) {
                let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
                if name != ".", name != ".." { remove("\(path)/\(name)") }
            }
            closedir(stream)
            rmdir(path)
        } else {
            unlink(path)
        }
    }
}
