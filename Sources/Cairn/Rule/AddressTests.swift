/// Whether an address lies in one of some countries, or in none of them; of an address whose country is not known neither
/// holds (Suricata's `geoip`).
struct CountryTest: Equatable, Sendable {
    /// Two capital letters each.
    var countries: [String]
    var isNegated = false

    /// Texts like `DE`, or all of them like `!DE`; nil for others.
    init?(_ texts: [String]) {
        let negated = texts.filter { $0.hasPrefix("!") }
        guard !texts.isEmpty, negated.isEmpty || negated.count == texts.count else { return nil }
        let isNegated = !negated.isEmpty
        let countries = texts.map { isNegated ? String($0.dropFirst()) : $0 }
        let areCodes = countries.allSatisfy { country in
            country.utf8.count == 2
                && country.utf8.allSatisfy { (48...57).contains($0) || (65...90).contains($0) }
        }
        guard areCodes else { return nil }
        self.countries = countries
        self.isNegated = isNegated
    }

    /// The countries as they are written.
    var texts: [String] { countries.map { isNegated ? "!\($0)" : $0 } }
}

/// What files say of an address in a category (Suricata's `iprep`); see `HostReputations`.
struct ReputationTest: Equatable, Sendable {
    enum Kind: Equatable, Sendable {
        case compare(Comparison, Int64)
        case isset, isnotset
    }

    var category: String
    var kind: Kind

    static let comparisons: [String: Comparison] = [
        "<": .less, ">": .greater, "=": .equal, "<=": .lessOrEqual, ">=": .greaterOrEqual,
    ]

    func holds(_ score: UInt8?) -> Bool {
        switch kind {
        case .compare(let comparison, let number):
            score.map { comparison.holds(Int64($0), number) } ?? false
        case .isset: score != nil
        case .isnotset: score == nil
        }
    }

    /// `{category: BadHosts, op: '>', value: 30}` or `{category: BadHosts, isset: true}`
    var yaml: String {
        let rest =
            switch kind {
            case .compare(let comparison, let number):
                "op: '\(Self.comparisons.first { $0.value == comparison }?.key ?? "=")',"
                    + " value: \(number)"
            case .isset: "isset: true"
            case .isnotset: "isset: false"
            }
        return "{category: \(YAMLText.scalar(category)), \(rest)}"
    }
}
