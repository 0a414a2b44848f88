/// Which streams of a transport and direction rules can hold on, and where in them, so that the others need not be
/// searched or kept: what it lets through may still be in vain, what it does not is.
///
/// A handle on memory that `deallocate` gives back: to use it touches no reference count.
struct StreamFilter {
    /// Rules that hold within so many bytes of a stream are looked for at its start only.
    private static let startByteCountMax = 4096
    private static let portCount = 1 << 16

    /// By source port, then by destination port: the sets that have it as such.
    private let sources: UnsafeMutablePointer<UInt16>
    private let destinations: UnsafeMutablePointer<UInt16>
    /// Pairs of source and destination ports, with where the rules on them may hold; one bit each.
    private var sets: [PortSet: UInt16] = [:]
    /// The sets of rules that may hold anywhere, and of those of them that may where it is known what the flow speaks.
    private var anywhere: UInt16 = 0
    private var whereKnown: UInt16 = 0
    /// Bytes at the start of a stream in which the other rules hold.
    private var startByteCount = 0

    private struct PortSet: Hashable {
        var source: [ClosedRange<UInt16>]
        var destination: [ClosedRange<UInt16>]
        var isAnywhere: Bool
        var holdsWhereKnown: Bool
    }

    init() {
        sources = .allocate(capacity: 2 * Self.portCount)
        sources.initialize(repeating: 0, count: 2 * Self.portCount)
        destinations = sources + Self.portCount
    }

    func deallocate() { sources.deallocate() }

    /// Lets streams through that a rule may hold on.
    ///
    /// - Parameters:
    ///   - ports: of the source and the destination; nil for any.
    ///   - startByteCount: the rule holds within so many bytes of the stream, or waits for more by then.
    ///   - holdsWhereKnown: it may hold where it is known what the flow speaks.
    mutating func add(
        ports: (source: [ClosedRange<UInt16>], destination: [ClosedRange<UInt16>])?,
        startByteCount: Int, holdsWhereKnown: Bool
    ) {
        let isAnywhere = startByteCount > Self.startByteCountMax
        if !isAnywhere { self.startByteCount = max(self.startByteCount, startByteCount) }
        let any = [0...UInt16.max]
        let set = PortSet(
            source: ports?.source ?? any, destination: ports?.destination ?? any,
            isAnywhere: isAnywhere, holdsWhereKnown: holdsWhereKnown)
        guard sets[set] == nil else { return }
        // Those for which there is no bit left share the last.
        let bit: UInt16 = 1 << UInt16(min(sets.count, UInt16.bitWidth - 1))
        sets[set] = bit
        if isAnywhere { anywhere |= bit }
        if isAnywhere, holdsWhereKnown { whereKnown |= bit }
        for range in set.source { Self.add(bit, to: sources, range) }
        for range in set.destination { Self.add(bit, to: destinations, range) }
    }

    private static func add(
        _ bit: UInt16, to ports: UnsafeMutablePointer<UInt16>, _ range: ClosedRange<UInt16>
    ) {
        for port in Int(range.lowerBound)..<Int(range.upperBound) + 1 { ports[port] |= bit }
    }

    /// Whether a rule may hold on a stream between two ports.
    @inline(__always) func letsPass(_ source: UInt16, _ destination: UInt16) -> Bool {
        sources[Int(source)] & destinations[Int(destination)] != 0
    }

    /// Whether, where no rule waits for more, one may still come to hold behind `offset` of a stream.
    ///
    /// - Parameter isKnown: it is known what the flow speaks.
    @inline(__always)
    func looksOn(
        at offset: UInt64, _ source: UInt16, _ destination: UInt16, isKnown: Bool
    ) -> Bool {
        offset < startByteCount
            || sources[Int(source)] & destinations[Int(destination)]
                & (isKnown ? whereKnown : anywhere) != 0
    }
}
