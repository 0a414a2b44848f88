/// One capture, read from a file, a pipe or memory: pcap or pcapng, plain or compressed, as its
/// first bytes tell.
final class CaptureFile {
    /// The path as the user named it.
    let path: String
    private let parser: any RecordParser
    private let filter: PacketFilter?
    private let source: any ByteSource
    private let readAhead: ReadAhead?
    private let layout: PieceLayout
    /// The bytes behind the last frame of the batch before: the beginning of a record, or more
    /// frames than fitted.
    private let carry: UnsafeMutableRawBufferPointer
    private var carryByteCount = 0
    private var carryHoldsFrames = false
    private var failure: CaptureError?
    private var isAtEnd = false

    /// How a file is read; what is read does not depend on it.
    struct Options {
        /// Bytes that are asked for at once, and where they are put.
        var layout = PieceLayout.standard
        /// Whether a thread reads ahead.
        var readsAhead = true
    }

    /// Opens a capture and looks at its first bytes; for a pipe, this waits for them.
    ///
    /// - Parameter sourceIndex: what the frames refer to it by.
    /// - Throws: `unreadable`, `notACapture`; `cutOff` or `damaged` if not even the first bytes can
    ///   be decompressed.
    convenience init(
        path: String, sourceIndex: UInt32 = 0, filter: PacketFilter? = nil,
        progress: CaptureProgress? = nil, options: Options = Options()
    ) throws(CaptureError) {
        let file: FileSource
        do throws(ByteSourceError) {
            file = try FileSource(opening: path, progress: progress)
        } catch {
            throw CaptureError(error, path: path, offset: 0)
        }
        var options = options
        // A thread costs more than it gains where one read gets all.
        if let size = file.byteCount, size <= options.layout.pieceByteCount {
            options.readsAhead = false
        }
        try self.init(
            path: path, bytes: file, sourceIndex: sourceIndex, filter: filter, options: options)
    }

    /// Reads a capture from any source of bytes; `path` is what errors call it.
    init(
        path: String, bytes: any ByteSource, sourceIndex: UInt32 = 0, filter: PacketFilter? = nil,
        options: Options = Options()
    ) throws(CaptureError) {
        let raw = PeekingSource(bytes)
        let compression = Compression(head: raw.head)
        let content =
            compression.map { PeekingSource($0.decompressor(over: raw)) } ?? raw
        self.path = path
        self.filter = filter
        parser = try Self.parser(content, compression, path: path, sourceIndex: sourceIndex)
        source = content
        layout = options.layout
        readAhead = options.readsAhead ? ReadAhead(content, layout: options.layout) : nil
        carry = .allocate(byteCount: options.layout.bufferByteCount, alignment: 16)
    }

    deinit { carry.deallocate() }

    private static func parser(
        _ content: PeekingSource, _ compression: Compression?, path: String, sourceIndex: UInt32
    ) throws(CaptureError) -> any RecordParser {
        if let variant = PcapReader.Variant(head: content.head) {
            return PcapReader(variant, source: sourceIndex)
        }
        if PcapNGReader.matches(head: content.head) { return PcapNGReader(source: sourceIndex) }
        if content.head.isEmpty {
            var byte: UInt8 = 0
            do throws(ByteSourceError) {
                _ = try withUnsafeMutableBytes(of: &byte) { bytes throws(ByteSourceError) in
                    try content.read(into: bytes)
                }
            } catch {
                throw CaptureError(error, path: path, offset: 0)
            }
        }
        let kind = FileKind.description(of: content.head)
        throw .notACapture(
            path: path,
            looksLike: compression.map { "\($0.rawValue) that contains \(kind)" } ?? kind)
    }

    /// Empties the batch and fills it with the next frames that pass the filter; their numbers are
    /// not set.
    ///
    /// - Returns: false at the end, with an empty batch.
    /// - Throws: what ends the capture before its end, once; all frames before it have been
    ///   delivered.
    func fill(_ batch: FrameBatch) throws(CaptureError) -> Bool {
        batch.removeAll()
        while batch.frames.isEmpty {
            if let failure {
                self.failure = nil
                throw failure
            }
            if isAtEnd { return false }
            if let range = load(batch) { parse(batch, range) }
        }
        return true
    }

    /// Adds what was passed over and lost.
    func report(into counters: inout Counters) {
        parser.report(into: &counters)
    }

    /// Puts the carried bytes and the next piece one behind the other into the batch's memory; nil
    /// at the end.
    private func load(_ batch: FrameBatch) -> Range<Int>? {
        let pieceOffset = PieceLayout.pieceOffset
        let carried = UnsafeRawBufferPointer(rebasing: carry[..<carryByteCount])
        if carryHoldsFrames {
            batch.grow(to: pieceOffset + carryByteCount, keeping: 0)
            UnsafeMutableRawBufferPointer(rebasing: batch.storage[pieceOffset...])
                .copyMemory(from: carried)
            return pieceOffset..<pieceOffset + carryByteCount
        }
        var byteCount = 0
        do throws(ByteSourceError) {
            byteCount = try readPiece(batch)
        } catch {
            failure = CaptureError(error, path: path, offset: parser.recordOffset)
        }
        guard byteCount > 0 else {
            isAtEnd = true
            if failure == nil, carryByteCount > 0 || parser.isWithinRecord {
                failure = .cutOff(path: path, offset: parser.recordOffset)
            }
            return nil
        }
        let start = pieceOffset - carryByteCount
        UnsafeMutableRawBufferPointer(rebasing: batch.storage[start...]).copyMemory(from: carried)
        return start..<pieceOffset + byteCount
    }

    private func readPiece(_ batch: FrameBatch) throws(ByteSourceError) -> Int {
        if let readAhead { return try readAhead.next(for: batch) }
        batch.grow(to: layout.bufferByteCount, keeping: 0)
        let start = PieceLayout.pieceOffset
        let piece = batch.storage[start..<start + layout.pieceByteCount]
        return try source.read(into: UnsafeMutableRawBufferPointer(rebasing: piece))
    }

    private func parse(_ batch: FrameBatch, _ range: Range<Int>) {
        let bytes = UnsafeRawBufferPointer(rebasing: batch.storage[range])
        let outcome = parser.parse(
            bytes, into: &batch.frames, countMax: FrameBatch.frameCountMax)
        carryHoldsFrames = outcome.stop == .full
        carryByteCount = bytes.count - outcome.consumed
        if case .damaged(let reason) = outcome.stop {
            failure = .damaged(path: path, offset: parser.recordOffset, reason: reason)
            isAtEnd = true
            carryByteCount = 0
        }
        let rest = bytes[outcome.consumed..<outcome.consumed + carryByteCount]
        carry.copyMemory(from: UnsafeRawBufferPointer(rebasing: rest))
        filter?.apply(to: &batch.frames)
    }
}

extension CaptureError {
    /// What a source of bytes cannot tell: the path, and where the record begins that cannot be
    /// had.
    fileprivate init(_ error: ByteSourceError, path: String, offset: UInt64) {
        switch error {
        case .unreadable(let reason): self = .unreadable(path: path, reason: reason)
        case .cutOff: self = .cutOff(path: path, offset: offset)
        case .damaged(let reason): self = .damaged(path: path, offset: offset, reason: reason)
        }
    }
}
