extension BitTest {
    /// The letters that rules write flags with, by field: TCP's (RFC 9293 §3.1) and those of IPv4 (RFC 791 §3.1). 1 and 2 are
    /// the older names of C and E; 0 is no flag.
    private static let letters: [String: [Character: Int64]] = [
        "tcp.flags": [
            "F": 0x01, "S": 0x02, "R": 0x04, "P": 0x08, "A": 0x10, "U": 0x20, "E": 0x40,
            "C": 0x80, "2": 0x40, "1": 0x80, "0": 0,
        ],
        "ip.flags": ["R": 4, "D": 2, "M": 1, "0": 0],
    ]

    /// Flags as letters, and behind a comma those that do not count: `S`, `SA`, `S,CE`; nil if they are none of the field's.
    init?(_ mode: Mode, _ text: String, of field: String) {
        guard let letters = Self.letters[field] else { return nil }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count) else { return nil }
        var sums: [Int64] = []
        for part in parts {
            var sum: Int64 = 0
            for letter in part where letter != " " {
                guard let bit = letters[letter] else { return nil }
                sum |= bit
            }
            sums.append(sum)
        }
        guard parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        self.init(mode: mode, bits: sums[0], ignored: sums.count > 1 ? sums[1] : 0)
    }

    /// The test as Suricata's `tcp.flags` and `fragbits` write it, with `+`, `*` or `!` before or behind the letters, and
    /// whether its opposite is meant; nil if it is none.
    static func parse(suricata text: String, of field: String) -> (test: BitTest, isNegated: Bool)?
    {
        var letters = text.filter { $0 != " " }
        var mode = Mode.exactly
        var isNegated = false
        let parts = letters.split(separator: ",", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first else { return nil }
        var marks = first.filter { "+*!".contains($0) }
        guard marks.count <= 1 else { return nil }
        // What stands behind the letters of IP's flags is nothing to Suricata.
        if field == "ip.flags", !first.hasPrefix(marks) { marks = "" }
        switch marks {
        case "+": mode = .all
        case "*": mode = .any
        case "!":
            mode = .all
            isNegated = true
        default: break
        }
        letters.removeAll { "+*!".contains($0) }
        return BitTest(mode, letters, of: field).map { ($0, isNegated) }
    }
}
