/// Undoes the content codings of one body, outermost first, within limits on what may come of it.
///
/// A coding that turns out not to be there is left out: what was taken for it passes as it is. One
/// that fails later ends the body there. Chains are pooled with their decompressors
/// (`DecompressorPool`).
final class DecompressorChain {
    /// What happened on the way.
    struct Faults: OptionSet {
        let rawValue: UInt8
        static let failed = Faults(rawValue: 1)
        static let memoryLimit = Faults(rawValue: 2)
        static let bomb = Faults(rawValue: 4)
    }

    private final class Layer {
        let coding: ContentCoding
        let decompressor: Decompressor
        let output: UnsafeMutableRawBufferPointer
        /// What was taken before anything came out, to be passed on if it is not of the coding.
        let held = HTTPBuffer()
        var hasOutput = false
        var isPassedBy = false
        /// Input taken so far.
        var takenByteCount = 0

        init(_ coding: ContentCoding, memoryByteCountMax: Int) {
            self.coding = coding
            decompressor = coding.makeDecompressor(memoryByteCountMax: memoryByteCountMax)
            output = .allocate(byteCount: 16 * 1024, alignment: 16)
        }

        deinit { output.deallocate() }

        func reset() {
            decompressor.reset()
            held.removeAll()
            hasOutput = false
            isPassedBy = false
            takenByteCount = 0
        }
    }

    /// Bytes of a coding's input that are kept until something comes of them: so much of nothing is
    /// a header of that coding, not another coding.
    private static let heldByteCountMax = 4096

    private let limits: ProtocolLimits
    private var layers: [Layer] = []
    private var spare: [Layer] = []
    private(set) var faults: Faults = []
    /// A coding failed: nothing more is decoded.
    private(set) var isStopped = false
    private var inputByteCount = 0
    private var outputByteCount = 0

    init(limits: ProtocolLimits) { self.limits = limits }

    /// Adds the coding that is undone next, behind those added before.
    func add(_ coding: ContentCoding) {
        if let index = spare.firstIndex(where: { $0.coding == coding }) {
            layers.append(spare.remove(at: index))
        } else {
            layers.append(
                Layer(coding, memoryByteCountMax: limits.lzmaMemoryByteCountMax))
        }
    }

    /// Makes it a chain without codings.
    func reset() {
        for layer in layers { layer.reset() }
        spare.append(contentsOf: layers)
        layers.removeAll(keepingCapacity: true)
        faults = []
        isStopped = false
        inputByteCount = 0
        outputByteCount = 0
    }

    /// Decodes nothing more.
    func stop() { isStopped = true }

    /// Decodes the next bytes of the body and hands what comes of them to `sink`, piece by piece.
    func decode(_ bytes: UnsafeRawBufferPointer, _ sink: (UnsafeRawBufferPointer) -> Void) {
        guard !isStopped else { return }
        run(bytes, 0, sink)
    }

    /// Hands over what was held back by codings of which nothing came, since it is of another form.
    func finish(_ sink: (UnsafeRawBufferPointer) -> Void) {
        for (place, layer) in layers.enumerated() where !isStopped && !layer.isPassedBy {
            guard !layer.hasOutput, !layer.decompressor.hasEnded, !layer.held.isEmpty
            else { continue }
            faults.insert(.failed)
            layer.isPassedBy = true
            run(layer.held.bytes, place &+ 1, sink)
        }
    }

    private func run(
        _ bytes: UnsafeRawBufferPointer, _ place: Int, _ sink: (UnsafeRawBufferPointer) -> Void
    ) {
        guard place < layers.count, !layers[place].isPassedBy else {
            return place < layers.count ? run(bytes, place &+ 1, sink) : sink(bytes)
        }
        let layer = layers[place]
        var input = bytes
        while !isStopped {
            let left = input.count
            let (count, status) = layer.decompressor.step(&input, into: layer.output)
            layer.takenByteCount &+= left &- input.count
            if place == 0 { inputByteCount &+= left &- input.count }
            if count > 0 {
                layer.hasOutput = true
                outputByteCount &+= count
                guard !isBomb else {
                    faults.insert(.bomb)
                    isStopped = true
                    return
                }
                run(UnsafeRawBufferPointer(rebasing: layer.output[..<count]), place &+ 1, sink)
            }
            switch status {
            case .more:
                let isAtEnd = input.isEmpty ? count < layer.output.count : false
                guard isAtEnd || count == 0 && input.count == left else { continue }
                hold(bytes, layer)
                return
            case .end: return
            case .failed, .memoryLimit: return fail(layer, status, bytes, place, sink)
            }
        }
    }

    /// Keeps a piece of which nothing has come yet.
    private func hold(_ bytes: UnsafeRawBufferPointer, _ layer: Layer) {
        guard !layer.hasOutput, layer.takenByteCount <= Self.heldByteCountMax else { return }
        layer.held.append(bytes)
    }

    private func fail(
        _ layer: Layer, _ status: Decompressor.Status, _ bytes: UnsafeRawBufferPointer,
        _ place: Int, _ sink: (UnsafeRawBufferPointer) -> Void
    ) {
        faults.insert(status == .memoryLimit ? .memoryLimit : .failed)
        guard !layer.hasOutput, layer.takenByteCount <= Self.heldByteCountMax else {
            isStopped = true
            return
        }
        layer.isPassedBy = true
        if !layer.held.isEmpty { run(layer.held.bytes, place &+ 1, sink) }
        layer.held.removeAll()
        run(bytes, place &+ 1, sink)
    }

    /// Whether more has come of the body than so many bytes can honestly stand for.
    private var isBomb: Bool {
        outputByteCount > limits.decompressedByteCountMax
            && outputByteCount / limits.decompressionRatioMax > inputByteCount
    }
}

/// The chains of one shard that are not in use.
final class DecompressorPool {
    private let limits: ProtocolLimits
    private var free: [DecompressorChain] = []

    init(limits: ProtocolLimits) { self.limits = limits }

    func take() -> DecompressorChain { free.popLast() ?? DecompressorChain(limits: limits) }

    func give(_ chain: DecompressorChain) {
        chain.reset()
        free.append(chain)
    }
}
