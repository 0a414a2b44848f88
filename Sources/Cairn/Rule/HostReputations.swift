/// What files say of addresses: how sure somebody is that one belongs to a category (Suricata's `iprep`, with its settings
/// `reputation-categories-file`, `reputation-files` and `default-reputation-path`).
///
/// What is said of an address goes before what is said of networks, also if it is of another category: then it is 0. Of
/// networks the longest prefix counts. The files are read once, and only looked into from then on.
final class HostReputations: Sendable {
    private typealias Scores = [UInt8: UInt8]

    /// Categories there may be, and the largest number.
    private static let categoryMax = 60
    private static let scoreMax = 127

    private let categories: [String: UInt8]
    private let hosts: [IPAddress: Scores]
    /// By the length of the prefix in an address of 128 bits, the longest first.
    private let networks: [(length: Int, scores: [IPNetwork: Scores])]
    /// What was wrong with the files.
    let diagnostics: [Diagnostic]

    /// Reads the files that settings name; nil if they name none.
    init?(_ settings: Settings) {
        guard let path = settings.text("reputation-categories-file") else { return nil }
        var reader = Reader()
        reader.readCategories(path)
        let folder = settings.text("default-reputation-path")
        for file in settings.list("reputation-files") {
            reader.readScores(file.hasPrefix("/") ? file : (folder.map { "\($0)/" } ?? "") + file)
        }
        categories = reader.categories
        hosts = reader.hosts
        networks = reader.networks.sorted { $0.key > $1.key }.map { ($0.key, $0.value) }
        diagnostics = reader.diagnostics
    }

    /// The number of a category; nil if the files name none like it.
    func category(named name: String) -> UInt8? { categories[name] }

    /// The names of all categories.
    var categoryNames: [String] { categories.keys.sorted() }

    /// What is known of an address in a category; nil if nothing is.
    func score(of address: IPAddress, in category: UInt8) -> UInt8? {
        if let scores = hosts[address] { return scores[category] ?? 0 }
        for (length, scores) in networks {
            let prefix = address.isV4 ? length - 96 : length
            guard prefix >= 0, let network = IPNetwork(address, prefixLength: prefix),
                let score = scores[network]?[category]
            else { continue }
            return score
        }
        return nil
    }

    /// Reads the files: lines with values between commas. Lines that begin with white space or `#` do not count.
    private struct Reader {
        var categories: [String: UInt8] = [:]
        var hosts: [IPAddress: Scores] = [:]
        var networks: [Int: [IPNetwork: Scores]] = [:]
        var diagnostics: [Diagnostic] = []

        /// `1,BadHosts,Known bad hosts`
        mutating func readCategories(_ path: String) {
            read(path) { reader, parts in
                guard parts.count >= 2, let number = Int(parts[0]), !parts[1].isEmpty,
                    (1..<HostReputations.categoryMax).contains(number)
                else { return "expected a number from 1 to 59 and a name, like '1,BadHosts,text'" }
                reader.categories[parts[1]] = UInt8(number)
                return nil
            }
        }

        /// `192.0.2.1,1,101` or `192.0.2.0/24,6,88`
        mutating func readScores(_ path: String) {
            read(path) { reader, parts in
                if parts.first == "ip" { return nil }
                guard parts.count == 3, let network = IPNetwork(parts[0]),
                    let category = Int(parts[1]), let score = Int(parts[2]),
                    (1..<HostReputations.categoryMax).contains(category),
                    (0...HostReputations.scoreMax).contains(score)
                else {
                    return "expected an address or network, a category and a number up to"
                        + " \(HostReputations.scoreMax), like '192.0.2.1,1,101'"
                }
                reader.add(network, UInt8(category), UInt8(score))
                return nil
            }
        }

        private mutating func add(_ network: IPNetwork, _ category: UInt8, _ score: UInt8) {
            let isV4 = network.address.isV4
            if network.prefixLength == (isV4 ? 32 : 128) {
                hosts[network.address, default: [:]][category] = score
            } else {
                networks[network.prefixLength + (isV4 ? 96 : 0), default: [:]][
                    network, default: [:]][category] = score
            }
        }

        private mutating func read(_ path: String, _ take: (inout Reader, [String]) -> String?) {
            switch RuleFiles.contents(of: path, byteCountMax: 1 << 30) {
            case .failure(let failure): diagnostics.append(failure.diagnostic)
            case .success(let bytes):
                for (index, line) in bytes.split(separator: 10, omittingEmptySubsequences: false)
                    .enumerated()
                {
                    let text = line.last == 13 ? line.dropLast() : line
                    guard let first = text.first, first > 32, first != UInt8(ascii: "#") else {
                        continue
                    }
                    let parts = text.split(
                        separator: UInt8(ascii: ","), omittingEmptySubsequences: false
                    ).map { String(decoding: $0.trimmedOfSpace, as: UTF8.self) }
                    guard let problem = take(&self, parts) else { continue }
                    diagnostics.append(
                        Diagnostic(
                            .warning,
                            at: SourceLocation(path: path, line: index + 1, column: 1),
                            "\(problem); the line is passed over"))
                }
            }
        }
    }
}
