@testable import Cairn

// MARK: Captures

/// Reads a capture whole and in small pieces: both must give the same frames and the same end.
func fuzzCapture(_ input: [UInt8]) -> String? {
    let whole = FramesSeen(input, pieceByteCount: 1 << 16)
    let pieces = FramesSeen(input, pieceByteCount: 11 + input.count % 89)
    return whole == pieces ? whole.problem : "whole: \(whole)\nin pieces: \(pieces)"
}

/// The frames of a capture, as a sum of them, and what ended it.
private struct FramesSeen: Equatable {
    /// More are not read: a small file may hold millions once it is decompressed.
    private static let countMax = 20_000

    private(set) var count = 0
    private(set) var sum: UInt64 = 0xcbf2_9ce4_8422_2325
    private(set) var error: CaptureError?
    private(set) var problem: String?

    init(_ input: [UInt8], pieceByteCount: Int) {
        let options = CaptureFile.Options(
            layout: PieceLayout(pieceByteCount: pieceByteCount), readsAhead: false)
        do throws(CaptureError) {
            let file = try CaptureFile(
                path: "fuzz", bytes: ExactSource(input), options: options)
            let batch = FrameBatch(byteCapacity: 0)
            while count < Self.countMax, try file.fill(batch) {
                for frame in batch.frames.prefix(Self.countMax - count) { add(frame) }
            }
            var counters = Counters()
            file.report(into: &counters)
        } catch {
            self.error = error
        }
    }

    private mutating func add(_ frame: Frame) {
        count += 1
        mix(UInt64(bitPattern: frame.timestamp.nanoseconds))
        mix(UInt64(frame.linkType.rawValue) << 32 | UInt64(frame.originalByteCount))
        mix(UInt64(frame.bytes.count))
        for byte in frame.bytes { mix(UInt64(byte)) }
        if frame.bytes.count > Int(frame.originalByteCount) {
            problem = "frame \(count) has more bytes than it had on the wire"
        }
    }

    private mutating func mix(_ value: UInt64) { sum = (sum ^ value) &* 0x100_0000_01b3 }
}

/// Bytes in memory, read as from a file.
final class ExactSource: ByteSource {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(ByteSourceError) -> Int {
        let piece = rest.prefix(buffer.count)
        buffer.copyBytes(from: piece)
        rest = rest.dropFirst(piece.count)
        return piece.count
    }
}

// MARK: Frames

/// Decodes the frames of a script, puts their fragments together, and reads everything that is
/// decoded on demand: all of it must lie within the frame.
///
/// Of the choices, the lower four bits are the link type, the next two how checksums are treated;
/// 64 means that frames were longer on the wire.
func fuzzDecode(_ script: FuzzScript) -> String? {
    let links: [LinkType] = [
        .ethernet, .raw, .linuxCooked, .linuxCooked2, .null, .loop, .ppp, .pppHDLC, .ciscoHDLC,
        .ieee80211, .ieee80211Radiotap, .ipv4, .ipv6, .rawOld12, .rawOld14,
        LinkType(rawValue: 250),
    ]
    let checksums = [ChecksumMode.all, .none, .auto, .auto][Int(script.choices >> 4 & 3)]
    var defragmentation = DefragmentationSettings()
    defragmentation.trackerCountMax = 4
    defragmentation.memoryByteCountMax = Defragmenter.memoryByteCountMin
    let assembler = PacketAssembler(DecoderSettings(checksums: checksums), defragmentation)
    let arena = Arena()
    let packets = PacketBatch()
    var number: UInt64 = 0
    for case .data(let bytes, let isFromClient) in script.steps {
        number += 1
        let stamp = Timestamp(nanoseconds: Int64(number) * nanosecondsPerSecond)
        let problem = withExactCopy(bytes) { bytes in
            let isCut = script.choices & 64 != 0
            let frame = Frame(
                number: number, timestamp: stamp, linkType: links[Int(script.choices & 15)],
                source: isFromClient ? 0 : 1,
                originalByteCount: UInt32(bytes.count) + (isCut ? 100 : 0), bytes: bytes)
            packets.removeAll()
            arena.removeAll()
            assembler.decode(frame, clock: stamp, arena: arena, into: packets)
            return unsound(packets)
        }
        if let problem { return "frame \(number): \(problem)" }
    }
    var counters = Counters()
    assembler.report(into: &counters)
    return nil
}

/// What is wrong with the packets of a frame.
private func unsound(_ packets: PacketBatch) -> String? {
    guard (1...8).contains(packets.count) else { return "\(packets.count) packets" }
    for index in 0..<packets.count {
        let packet = packets.packets[index]
        let count = UInt32(packet.bytes.count)
        let isSound =
            Int(packet.layer) == index && packet.ipOffset <= packet.ipEnd && packet.ipEnd <= count
            && packet.linkOffset <= count && packet.transportOffset <= count
            && packet.payloadOffset <= count
            && packet.payloadByteCount <= count - packet.payloadOffset && packet.vlanCount <= 3
        guard isSound else { return "packet \(index) is \(packet)" }
        var sum: UInt8 = 0
        for byte in packet.payload { sum ^= byte }
        _ = (sum, packet.tcpOptions, packet.ipv4Options, packet.quotedPacket, packet.shardHash)
    }
    return nil
}

// MARK: Rules

/// Loads rules and compiles them, makes the traffic of their tests, and reads the same text as
/// settings: all mistakes must have a place in the text, or on the line behind it.
func fuzzRules(_ input: [UInt8]) -> String? {
    var loader = RuleLoader()
    loader.threadCount = 1
    let rules = loader.load(source: input, path: "fuzz.yml")
    var diagnostics = rules.diagnostics + Engine(rules: rules).diagnostics
    for test in rules.tests {
        var script = ScriptedTraffic()
        // Captures would be files of this machine.
        for traffic in test.traffic where traffic.repeatCount <= 100 {
            if let complaint = script.add(traffic), complaint.isEmpty { return "no reason given" }
        }
        if script.frames.contains(where: { $0.bytes.isEmpty }) { return "a frame without bytes" }
    }
    var alertLoader = RuleLoader(for: .alerts)
    alertLoader.threadCount = 1
    diagnostics += alertLoader.load(source: input, path: "fuzz.yml").diagnostics
    var settings = Settings()
    diagnostics += input.withUnsafeBufferPointer { settings.read($0, path: "fuzz.yml") }
    if let complaint = fuzzSuricataRules(input, &diagnostics) { return complaint }
    let lineCount = input.count { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") } + 1
    for diagnostic in diagnostics {
        let location = diagnostic.location
        guard location.path.hasPrefix("fuzz."), (0...lineCount + 1).contains(location.line),
            (0...input.count + 1).contains(location.column), !diagnostic.message.isEmpty
        else { return "a place out of the text: \(diagnostic)" }
    }
    return nil
}

/// Loads Suricata rules and compiles them, and writes them as YAML, which must load without mistakes; reads the same text as
/// the files beside them.
private func fuzzSuricataRules(
    _ input: [UInt8], _ diagnostics: inout [Diagnostic]
) -> String? {
    var loader = RuleLoader()
    loader.threadCount = 1
    loader.keepsSignatureTexts = true
    let rules = loader.load(source: input, path: "fuzz.rules")
    diagnostics += rules.diagnostics + Engine(rules: rules).diagnostics
    for output in SuricataImport(rules, keepsText: true).outputs {
        let again = loader.load(source: output.text.utf8, path: "fuzz.yml")
        if let mistake = again.diagnostics.first(where: { $0.severity == .error }) {
            return "what was written does not load: \(mistake) \(output.text)"
        }
    }
    var tables = SuricataTables()
    diagnostics += tables.read(input, path: "fuzz.config")
    var limits = SuricataLimits(variables: RuleVariables())
    limits.read(input, path: "fuzz.config")
    diagnostics += limits.diagnostics
    return nil
}
