/// What to do with wrong checksums.
public enum ChecksumMode: String, CaseIterable, Sendable {
    /// Packets with a wrong checksum are not handed to streams.
    case all
    /// Checksums are not looked at.
    case none
    /// As `all`, until a source turns out to have been captured before the network card filled in
    /// its checksums. Frames longer than Ethernet carries never were on a cable as they are, and
    /// are not judged.
    case auto
}

/// A source whose checksums are ignored, because too many of its first ones were wrong.
struct ChecksumOffload: Equatable, Sendable {
    /// An index into `FrameSource.sourceNames`.
    let source: UInt32
    /// Wrong ones among the first `ChecksumPolicy.trialPacketCount`.
    let badCount: UInt32
    /// The first frame whose checksums are ignored.
    let firstFrameNumber: UInt64

    /// The remark for the user about the source of that name.
    func text(sourceName: String) -> String {
        """
        source \(sourceName): \(badCount) of \(ChecksumPolicy.trialPacketCount) checksums are \
        wrong, a sign of checksum offload; wrong checksums are ignored from frame \
        \(firstFrameNumber)
        """
    }
}

/// Decides for each source whether its checksums can be believed.
///
/// Memory is bounded by the number of sources, which the user chose.
final class ChecksumPolicy {
    /// Packets with a checksum that a source is judged by.
    static let trialPacketCount: UInt32 = 1000
    /// More wrong ones among these mean offload.
    static let badCountMax: UInt32 = trialPacketCount / 10

    private struct Source {
        var packetCount: UInt32 = 0
        var badCount: UInt32 = 0
    }

    let mode: ChecksumMode
    /// The sources that were found to be offloaded, in the order in which that was decided.
    private(set) var offloads: [ChecksumOffload] = []
    private var sources: [Source] = []
    private var current: UInt32 = 0

    /// Whether checksums of the present source are computed.
    private(set) var verifies: Bool
    /// Whether the present source is still being judged.
    private(set) var isTrial: Bool

    init(_ mode: ChecksumMode) {
        self.mode = mode
        verifies = mode != .none
        isTrial = mode == .auto
        if isTrial { sources.append(Source()) }
    }

    /// Turns to the source of the next frame.
    @inline(__always) func select(_ source: UInt32) {
        if source != current { change(to: source) }
    }

    private func change(to source: UInt32) {
        current = source
        guard mode == .auto else { return }
        while sources.count <= Int(source) { sources.append(Source()) }
        let state = sources[Int(source)]
        isTrial = state.packetCount < Self.trialPacketCount
        verifies = isTrial || state.badCount <= Self.badCountMax
    }

    /// Takes in one packet whose checksums were verified; only during the trial.
    func record(isBad: Bool, frameNumber: UInt64) {
        guard !hasPendingDecision else { return }
        let index = Int(current)
        sources[index].packetCount &+= 1
        if isBad { sources[index].badCount &+= 1 }
        guard sources[index].packetCount == Self.trialPacketCount else { return }
        if sources[index].badCount > Self.badCountMax {
            offloads.append(
                ChecksumOffload(
                    source: current, badCount: sources[index].badCount,
                    firstFrameNumber: frameNumber &+ 1))
        }
        hasPendingDecision = true
    }

    /// The last packet of the trial has been seen; its own frame is still judged by the old rule.
    private var hasPendingDecision = false

    /// Puts a decision into effect, between two frames.
    @inline(__always) func settle() {
        guard hasPendingDecision else { return }
        hasPendingDecision = false
        change(to: current)
    }
}
