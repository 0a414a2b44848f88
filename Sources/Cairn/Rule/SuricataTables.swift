/// What `classtype` and `reference` stand for: the files `classification.config` and `reference.config`.
struct SuricataTables: Sendable {
    struct Class: Equatable, Sendable {
        var description: String
        var priority: Int
    }

    private(set) var classes: [String: Class]
    /// Prefixes of addresses by type, in lower case.
    private(set) var references: [String: String]

    /// The tables of Suricata's own configuration.
    init() {
        classes = Dictionary(
            uniqueKeysWithValues: Self.ownClasses.map {
                ($0.0, Class(description: $0.1, priority: $0.2))
            })
        references = Dictionary(uniqueKeysWithValues: Self.ownReferences)
    }

    /// Lines of a file.
    static let lineCountMax = 100_000

    /// Reads `config classification: name,description,priority` and `config reference: type prefix`. Later lines
    /// replace earlier ones.
    mutating func read(_ source: [UInt8], path: String) -> [Diagnostic] {
        var diagnostics: [Diagnostic] = []
        let lines = source.split(
            separator: UInt8(ascii: "\n"), maxSplits: Self.lineCountMax,
            omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let line = SuricataValue(bytes: line.trimmedOfSpace)
            guard let first = line.bytes.first, first != UInt8(ascii: "#") else { continue }
            if let message = read(line) {
                diagnostics.append(
                    Diagnostic(
                        .error, at: SourceLocation(path: path, line: index + 1, column: 1), message)
                )
            }
        }
        return diagnostics
    }

    /// Takes one line; returns what is wrong with it.
    private mutating func read(_ line: SuricataValue) -> String? {
        let parts = line.split(":", maxSplits: 1)
        let words = parts[0].words.map(\.text)
        guard parts.count == 2, words.count == 2, words[0] == "config" else {
            return "expected 'config classification: …' or 'config reference: …'"
        }
        switch words[1] {
        case "classification":
            let fields = parts[1].split(",")
            guard fields.count >= 3, !fields[0].isEmpty,
                let priority = fields[fields.count - 1].integer, (1...255).contains(priority)
            else { return "expected 'config classification: name,description,priority'" }
            let description = fields[1..<(fields.count - 1)].map(\.text).joined(separator: ", ")
            classes[fields[0].text.lowercased()] = Class(
                description: description, priority: Int(priority))
            return nil
        case "reference":
            let fields = parts[1].words
            guard fields.count == 2 else { return "expected 'config reference: type prefix'" }
            references[fields[0].text.lowercased()] = fields[1].text
            return nil
        default: return "unknown 'config \(words[1])'; use classification or reference"
        }
    }

    // MARK: Suricata's own

    private static let ownClasses: [(String, String, Int)] = [
        ("not-suspicious", "Not Suspicious Traffic", 3), ("unknown", "Unknown Traffic", 3),
        ("bad-unknown", "Potentially Bad Traffic", 2),
        ("attempted-recon", "Attempted Information Leak", 2),
        ("successful-recon-limited", "Information Leak", 2),
        ("successful-recon-largescale", "Large Scale Information Leak", 2),
        ("attempted-dos", "Attempted Denial of Service", 2),
        ("successful-dos", "Denial of Service", 2),
        ("attempted-user", "Attempted User Privilege Gain", 1),
        ("unsuccessful-user", "Unsuccessful User Privilege Gain", 1),
        ("successful-user", "Successful User Privilege Gain", 1),
        ("attempted-admin", "Attempted Administrator Privilege Gain", 1),
        ("successful-admin", "Successful Administrator Privilege Gain", 1),
        ("rpc-portmap-decode", "Decode of an RPC Query", 2),
        ("shellcode-detect", "Executable code was detected", 1),
        ("string-detect", "A suspicious string was detected", 3),
        ("suspicious-filename-detect", "A suspicious filename was detected", 2),
        (
            "suspicious-login", "An attempted login using a suspicious username was detected", 2
        ),
        ("system-call-detect", "A system call was detected", 2),
        ("tcp-connection", "A TCP connection was detected", 4),
        ("trojan-activity", "A Network Trojan was detected", 1),
        ("unusual-client-port-connection", "A client was using an unusual port", 2),
        ("network-scan", "Detection of a Network Scan", 3),
        ("denial-of-service", "Detection of a Denial of Service Attack", 2),
        ("non-standard-protocol", "Detection of a non-standard protocol or event", 2),
        ("protocol-command-decode", "Generic Protocol Command Decode", 3),
        ("web-application-activity", "access to a potentially vulnerable web application", 2),
        ("web-application-attack", "Web Application Attack", 1),
        ("misc-activity", "Misc activity", 3), ("misc-attack", "Misc Attack", 2),
        ("icmp-event", "Generic ICMP event", 3),
        ("inappropriate-content", "Inappropriate Content was Detected", 1),
        ("policy-violation", "Potential Corporate Privacy Violation", 1),
        (
            "default-login-attempt",
            "Attempt to login by a default username and password", 2
        ),
        ("targeted-activity", "Targeted Malicious Activity was Detected", 1),
        ("exploit-kit", "Exploit Kit Activity Detected", 1),
        ("external-ip-check", "Device Retrieving External IP Address Detected", 2),
        ("domain-c2", "Domain Observed Used for C2 Detected", 1),
        ("pup-activity", "Possibly Unwanted Program Detected", 2),
        ("credential-theft", "Successful Credential Theft Detected", 1),
        ("social-engineering", "Possible Social Engineering Attempted", 2),
        ("coin-mining", "Crypto Currency Mining Activity Detected", 2),
        ("command-and-control", "Malware Command and Control Activity Detected", 1),
    ]

    private static let ownReferences: [(String, String)] = [
        ("bugtraq", "http://www.securityfocus.com/bid/"),
        ("bid", "http://www.securityfocus.com/bid/"),
        ("cve", "http://cve.mitre.org/cgi-bin/cvename.cgi?name="),
        ("arachnids", "http://www.whitehats.com/info/IDS"),
        ("mcafee", "http://vil.nai.com/vil/content/v_"),
        ("nessus", "http://cgi.nessus.org/plugins/dump.php3?id="), ("url", "http://"),
        ("et", "http://doc.emergingthreats.net/"),
        ("etpro", "http://doc.emergingthreatspro.com/"), ("telus", "http://"),
        ("osvdb", "http://osvdb.org/show/osvdb/"),
        ("threatexpert", "http://www.threatexpert.com/report.aspx?md5="),
        ("md5", "http://www.threatexpert.com/report.aspx?md5="),
        ("exploitdb", "http://www.exploit-db.com/exploits/"),
        ("openpacket", "https://www.openpacket.org/capture/grab/"),
        ("securitytracker", "http://securitytracker.com/id?"),
        ("secunia", "http://secunia.com/advisories/"),
        ("xforce", "http://xforce.iss.net/xforce/xfdb/"),
        ("msft", "http://technet.microsoft.com/security/bulletin/"),
    ]
}
