#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Reads files of alerts, one JSON object a line, into a correlator.
///
/// Lines that are no alerts are skipped and counted, broken ones with their numbers. Memory is
/// bounded by the longest line, up to `lineByteCountMax`.
final class AlertFileReader {
    /// Longer lines count as broken.
    static let lineByteCountMax = 1 << 24
    /// Broken lines whose places are kept.
    static let brokenLinesListedMax = 100
    private static let chunkByteCount = 1 << 20

    /// A file that cannot be opened or read.
    struct Failure: Error, Equatable {
        var path: String
        var message: String
    }

    private(set) var lineCount = 0
    /// Records of other kinds.
    private(set) var otherCount = 0
    private(set) var brokenCount = 0
    /// The first broken lines.
    private(set) var brokenLines: [SourceLocation] = []

    private let correlator: Correlator
    private var parser: AlertLineParser
    private var path = ""
    private var lineOfFile = 0
    /// The beginning of a line whose end has not come yet.
    private var carry: [UInt8] = []
    private var isSkippingLine = false

    init(correlator: Correlator) {
        self.correlator = correlator
        parser = AlertLineParser(
            fieldNames: correlator.program.fieldNames, catalog: correlator.catalog)
    }

    /// Reads a file to its end; `-` is standard input.
    func read(path: String) throws(Failure) {
        let descriptor = path == "-" ? 0 : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path) }
        defer { if descriptor > 0 { close(descriptor) } }
        begin(path: path)
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Self.chunkByteCount, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            #if canImport(Darwin)
                let count = Darwin.read(descriptor, buffer.baseAddress, buffer.count)
            #elseif canImport(Musl)
                let count = Musl.read(descriptor, buffer.baseAddress, buffer.count)
            #else
                let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            #endif
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(path) }
            if count == 0 { break }
            add(UnsafeRawBufferPointer(rebasing: buffer[0..<count]))
        }
        end()
    }

    private func failure(_ path: String) -> Failure {
        Failure(path: path, message: strerror(errno).map { String(cString: $0) } ?? "failed")
    }

    // MARK: Bytes

    /// Starts a file whose bytes come by `add`.
    func begin(path: String) {
        self.path = path
        lineOfFile = 0
        carry.removeAll(keepingCapacity: true)
        isSkippingLine = false
    }

    /// Takes the next bytes of a file.
    func add(_ bytes: UnsafeRawBufferPointer) {
        var start = 0
        while start < bytes.count, let end = lineEnd(in: bytes, from: start) {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            start = end + 1
            if isSkippingLine {
                isSkippingLine = false
            } else if carry.isEmpty {
                addLine(rest)
            } else {
                carry.append(contentsOf: rest)
                carry.withUnsafeBytes { addLine($0) }
                carry.removeAll(keepingCapacity: true)
            }
        }
        guard !isSkippingLine else { return }
        carry.append(contentsOf: bytes[start...])
        if carry.count > Self.lineByteCountMax {
            startLine()
            addBroken()
            carry.removeAll()
            isSkippingLine = true
        }
    }

    /// Ends a file: what is left is its last line.
    func end() {
        if !carry.isEmpty { carry.withUnsafeBytes { addLine($0) } }
        carry.removeAll()
    }

    @inline(__always)
    private func lineEnd(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let base = bytes.baseAddress,
            let found = memchr(base + start, 0x0a, bytes.count - start)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }

    // MARK: Lines

    private func startLine() {
        lineCount += 1
        lineOfFile += 1
    }

    private func addLine(_ line: UnsafeRawBufferPointer) {
        startLine()
        guard !line.allSatisfy({ $0 == 0x20 || $0 == 0x0d || $0 == 0x09 }) else { return }
        switch parser.parse(line) {
        case .alert: correlator.add(parser.alert)
        case .clock(let time): correlator.advance(clock: time)
        case .other: otherCount += 1
        case .broken: addBroken()
        }
    }

    private func addBroken() {
        brokenCount += 1
        if brokenLines.count < Self.brokenLinesListedMax {
            brokenLines.append(SourceLocation(path: path, line: lineOfFile, column: 1))
        }
    }
}
