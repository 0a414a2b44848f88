/// The frames of an engine's input, and what is known about them besides.
final class EngineSource {
    let frames: any FrameSource
    let isLive: Bool
    /// Where what is seen is recorded.
    let recorder: CaptureWriter?
    /// What people should know about the input.
    private(set) var notes: [String] = []
    private let captureProgress: CaptureProgress?
    private let collected = ProblemList()

    /// Captures that could not be read, or not to their ends, while others could.
    var problems: [CaptureError] { collected.problems }

    /// Opens an input.
    ///
    /// - Parameter stop: ends a live input.
    init(_ input: EngineInput, stop: StopFlag = StopFlag()) throws(CaptureError) {
        switch input {
        case .captures(let paths, let filter):
            let captures = try openCaptures(paths, filter: filter) { [collected] in
                collected.problems.append($0)
            }
            frames = captures
            captureProgress = captures.progress
            recorder = nil
            isLive = false
        case .interface(let input):
            let capture = try LiveCapture(input.capture, stop: stop)
            frames = capture
            captureProgress = nil
            isLive = true
            recorder = try Self.recorder(input.writePath, capture)
            if let warning = Interfaces.mergeWarning(for: input.capture.interface) {
                notes.append(warning)
            }
            if let user = input.user {
                recorder?.give(to: user)
                try dropPrivileges(to: user)
            }
        }
    }

    /// Frames that are in memory already.
    init(_ frames: any FrameSource) {
        self.frames = frames
        isLive = false
        captureProgress = nil
        recorder = nil
    }

    private static func recorder(
        _ path: String?, _ capture: LiveCapture
    ) throws(CaptureError) -> CaptureWriter? {
        guard let path else { return nil }
        return try CaptureWriter(path: path, sourceNames: capture.sourceNames)
    }

    /// Fills a batch with the next frames, and records them where that is wanted.
    func fill(_ batch: FrameBatch) throws(CaptureError) -> Bool {
        let isMore = try frames.fill(batch)
        if let recorder {
            try recorder.write(batch)
            if batch.frames.isEmpty || !isMore { try recorder.flush() }
        }
        return isMore
    }

    /// Bytes of the input that were read, and all there are if that is known.
    var byteCounts: (read: UInt64, total: UInt64?) {
        (captureProgress?.byteCount ?? 0, captureProgress?.byteCountTotal)
    }

    private final class ProblemList {
        var problems: [CaptureError] = []
    }
}
