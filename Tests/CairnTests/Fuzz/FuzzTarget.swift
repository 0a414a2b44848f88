@testable import Cairn

/// What is fuzzed. `make fuzz` runs a target on bytes that a coverage-guided search makes up, the
/// test suite on the kept ones and what becomes of them by chance.
///
/// Bytes must not make a target trap, read outside of them, take long or much memory. Besides, a
/// target checks what holds for any input, and tells what does not.
enum FuzzTarget: String, CaseIterable, Sendable {
    /// Capture files in all formats, plain and compressed.
    case capture
    /// Frames of all link types.
    case decode
    /// Conversations, cut into pieces.
    case http, dns, tls
    /// Files of rules.
    case rules

    /// Runs the target once.
    ///
    /// - Returns: what should hold and does not; nil if all is well.
    func run(_ input: [UInt8]) -> String? {
        switch self {
        case .capture: fuzzCapture(input)
        case .decode: fuzzDecode(FuzzScript(input))
        case .http: FuzzedFlow.run(FuzzScript(input), .http)
        case .dns: FuzzedFlow.run(FuzzScript(input), .dns)
        case .tls: FuzzedFlow.run(FuzzScript(input), .tls)
        case .rules: fuzzRules(input)
        }
    }
}
