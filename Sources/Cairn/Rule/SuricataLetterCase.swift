/// Values whose letters are all of one case, such as hashes: contents are brought to it however a rule writes them, as
/// Suricata does.
extension SuricataDraft {
    private enum LetterCase { case lower, upper }

    private static let cases: [String: LetterCase] = [
        "ja3.hash": .lower, "ja3s.hash": .lower, "ssh.hassh": .lower, "ssh.hassh.server": .lower,
        "tls.cert_fingerprint": .lower, "tls.cert_serial": .upper,
    ]

    /// A transform may change the case of the value, so that contents behind one stay as they are.
    mutating func bringContentsToCase() {
        for index in buffers.indices where buffers[index].transforms.isEmpty {
            guard case .transaction(let sticky) = buffers[index].place,
                let letterCase = Self.cases[sticky.keyword]
            else { continue }
            for place in buffers[index].steps.indices {
                guard case .content(var content) = buffers[index].steps[place] else { continue }
                content.bytes = content.bytes.map {
                    letterCase == .lower ? $0.asciiLowercased : $0.asciiUppercased
                }
                buffers[index].steps[place] = .content(content)
            }
        }
    }
}
