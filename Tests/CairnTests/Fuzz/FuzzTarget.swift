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
    case http, http2, dns, tls, smb, dcerpc, kerberos, rdp, ssh, smtp, ftp, sip
    /// Files of rules.
    case rules
    /// Captures through all stages, with rules that make use of them.
    case engine
    /// Files of alerts, to be correlated.
    case alerts
    /// Saved states of correlation.
    case state

    /// Runs the target once.
    ///
    /// - Returns: what should hold and does not; nil if all is well.
    func run(_ input: [UInt8]) -> String? {
        switch self {
        case .capture: fuzzCapture(input)
        case .decode: fuzzDecode(FuzzScript(input))
        case .http: FuzzedFlow.run(FuzzScript(input), HTTP.definition)
        case .http2: FuzzedFlow.run(FuzzScript(input), HTTP2.definition)
        case .dns: FuzzedFlow.run(FuzzScript(input), DNS.definition)
        case .tls: FuzzedFlow.run(FuzzScript(input), TLS.definition)
        case .smb: FuzzedFlow.run(FuzzScript(input), SMB.definition)
        case .dcerpc: FuzzedFlow.run(FuzzScript(input), DCERPC.definition)
        case .kerberos: FuzzedFlow.run(FuzzScript(input), Kerberos.definition)
        case .rdp: FuzzedFlow.run(FuzzScript(input), RDP.definition)
        case .ssh: FuzzedFlow.run(FuzzScript(input), SSH.definition)
        case .smtp: FuzzedFlow.run(FuzzScript(input), SMTP.definition)
        case .ftp: FuzzedFlow.run(FuzzScript(input), FTP.definition)
        case .sip: FuzzedFlow.run(FuzzScript(input), SIP.definition)
        case .rules: fuzzRules(input)
        case .engine: FuzzedEngine.run(capture: input)
        case .alerts: FuzzedEngine.run(alerts: input)
        case .state: FuzzedState.run(input)
        }
    }
}
