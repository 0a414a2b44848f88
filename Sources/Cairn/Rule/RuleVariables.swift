/// The values that rules take from the settings: address and port groups (`$HOME_NET`) and
/// placeholders (`%name%`).
///
/// Groups nest and negate as in Suricata: a group is what its members name, less what its negated
/// members name; with negated members only, it is everything else of the same version of IP.
struct RuleVariables: Sendable {
    private var addressGroups: [String: String] = [:]
    private var portGroups: [String: String] = [:]
    private var placeholders: [String: [String]] = [:]
    /// Groups without names of other groups in front of them, as most rules use them.
    private var addressSets: [String: AddressSet] = [:]
    private var portSets: [String: PortSet] = [:]

    /// Groups within each other.
    static let depthMax = 32
    private static let termCountMax = 1 << 17

    init(_ settings: Settings = Settings()) {
        for (name, texts, _) in settings.group("vars.address-groups.") {
            addressGroups[name] = Self.group(texts)
        }
        for (name, texts, _) in settings.group("vars.port-groups.") {
            portGroups[name] = Self.group(texts)
        }
        for (name, texts, _) in settings.group("placeholders.") {
            placeholders[name] = texts.count == 1 ? Setting.list(texts[0]) : texts
        }
        addressSets["any"] = AddressSet()
        portSets["any"] = PortSet()
        for name in addressGroups.keys {
            addressSets["$\(name)"] = try? addressSet("$\(name)", useCache: false)
        }
        for name in portGroups.keys {
            portSets["$\(name)"] = try? portSet("$\(name)", useCache: false)
        }
    }

    private static func group(_ texts: [String]) -> String {
        texts.count == 1 ? texts[0] : "[" + texts.joined(separator: ",") + "]"
    }

    /// The values of a placeholder; nil if it has none.
    func placeholder(_ name: String) -> [String]? { placeholders[name] }

    /// A mistake in a group; the text says what would be right.
    struct GroupError: Error, Equatable {
        var message: String
    }

    // MARK: Addresses

    /// The addresses of a text like `[10.0.0.0/8, !$DNS_SERVERS]`.
    func addressSet(_ text: String, useCache: Bool = true) throws(GroupError) -> AddressSet {
        if useCache, let set = addressSets[text] { return set }
        var termCount = 0
        return try addressSet(text[...], depth: 0, &termCount)
    }

    /// - Parameter termCount: of the whole text, as groups within groups multiply.
    private func addressSet(
        _ text: Substring, depth: Int, _ termCount: inout Int
    ) throws(GroupError) -> AddressSet {
        var set = AddressSet()
        var includesAny = false
        for term in try terms(of: text, .addresses, depth: depth, &termCount) {
            if term.isGroup {
                let group = try addressSet(term.text[...], depth: term.depth, &termCount)
                guard group != AddressSet() else { throw GroupError(message: "'!any' is nobody") }
                set.excluded += group.excluded.isEmpty ? group.included : Self.difference(group)
            } else if term.text == "any" {
                guard !term.isNegated else { throw GroupError(message: "'!any' is nobody") }
                includesAny = true
            } else if let networks = Self.networks(term.text) {
                if term.isNegated { set.excluded += networks } else { set.included += networks }
            } else {
                throw GroupError(
                    message: "'\(term.text)' is no address; write 10.0.0.1, 10.0.0.0/8,"
                        + " 10.0.0.1-10.0.0.9 or $HOME_NET")
            }
        }
        if includesAny { set.included = [] } else { Self.completeFamilies(&set) }
        guard set.included.isEmpty || !Self.isCovered(set) else {
            throw GroupError(message: "'\(text)' leaves no address")
        }
        return set
    }

    private static func isCovered(_ set: AddressSet) -> Bool {
        set.included.allSatisfy { network in
            set.excluded.contains {
                $0.prefixLength <= network.prefixLength && $0.contains(network.address)
            }
        }
    }

    /// IPv4 and IPv6 are groups of their own: where only negations are given for one of them, they are taken from all
    /// of its addresses, and one of which nothing is said has none.
    private static func completeFamilies(_ set: inout AddressSet) {
        for all in IPNetwork.families {
            let isV4 = all.address.isV4
            if set.excluded.contains(where: { $0.address.isV4 == isV4 }),
                !set.included.contains(where: { $0.address.isV4 == isV4 })
            {
                set.included.append(all)
            }
        }
    }

    /// What counts, without networks that do not.
    private static func difference(_ set: AddressSet) -> [IPNetwork] {
        let included = set.included.isEmpty ? IPNetwork.families : set.included
        return included.flatMap { $0.without(set.excluded) }
    }

    private static func networks(_ text: String) -> [IPNetwork]? {
        if let network = IPNetwork(text) { return [network] }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = IPAddress(String(ends[0])),
            let last = IPAddress(String(ends[1])), first.isV4 == last.isV4, first <= last
        else { return nil }
        return IPNetwork.covering(first...last)
    }

    // MARK: Ports

    /// The ports of a text like `[80, 8000:8999, !$SSH_PORTS]`.
    func portSet(_ text: String, useCache: Bool = true) throws(GroupError) -> PortSet {
        if useCache, let set = portSets[text] { return set }
        var set = PortSet()
        var includesAny = false
        var termCount = 0
        for term in try terms(of: text[...], .ports, depth: 0, &termCount) {
            if term.text == "any" {
                guard !term.isNegated else { throw GroupError(message: "'!any' is no port") }
                includesAny = true
                continue
            }
            guard let range = Self.ports(term.text) else {
                throw GroupError(
                    message:
                        "'\(term.text)' is no port; write 80, 8000-8999, ':1024' or $HTTP_PORTS")
            }
            if term.isNegated { set.excluded.append(range) } else { set.included.append(range) }
        }
        if includesAny { set.included = [] }
        let isEmpty =
            !set.included.isEmpty
            && set.included.allSatisfy { range in
                set.excluded.contains {
                    $0.lowerBound <= range.lowerBound && range.upperBound <= $0.upperBound
                }
            }
        if isEmpty { throw GroupError(message: "'\(text)' leaves no port") }
        return set
    }

    /// `80`, `80:90`, `80-90`, `:1024`, `1024:`.
    private static func ports(_ text: String) -> ClosedRange<UInt16>? {
        let separator: Character = text.contains(":") ? ":" : "-"
        let ends = text.split(separator: separator, omittingEmptySubsequences: false)
        if ends.count == 1 { return UInt16(text).map { $0...$0 } }
        guard ends.count == 2, text.count > 1 else { return nil }
        guard let low = ends[0].isEmpty ? 0 : UInt16(ends[0]),
            let high = ends[1].isEmpty ? .max : UInt16(ends[1]), low <= high
        else { return nil }
        return low...high
    }

    // MARK: Groups

    private enum Kind: String {
        case addresses = "vars.address-groups"
        case ports = "vars.port-groups"
    }

    private struct Term {
        var text: String
        var isNegated: Bool
        /// A negated group of addresses, which is what it is before that is taken away. (Ports flip.)
        var isGroup = false
        var depth: Int
    }

    private func terms(
        of text: Substring, _ kind: Kind, depth: Int, _ termCount: inout Int
    ) throws(GroupError) -> [Term] {
        var terms: [Term] = []
        try collect(text, false, kind, depth: depth, &termCount, into: &terms)
        guard !terms.isEmpty else { throw GroupError(message: "the group is empty; write 'any'") }
        return terms
    }

    private func collect(
        _ text: Substring, _ isNegated: Bool, _ kind: Kind, depth: Int, _ termCount: inout Int,
        into terms: inout [Term]
    ) throws(GroupError) {
        termCount += 1
        guard depth <= Self.depthMax, termCount <= Self.termCountMax else {
            throw GroupError(
                message: "the group refers to itself, or nests more than \(Self.depthMax) deep")
        }
        var text = Self.trimmed(text)
        var isNegated = isNegated
        while text.utf8.first == UInt8(ascii: "!") {
            isNegated.toggle()
            text = Self.trimmed(text.dropFirst())
        }
        guard let members = try members(ofGroup: text, kind) else {
            terms.append(Term(text: String(text), isNegated: isNegated, depth: depth))
            return
        }
        if isNegated, kind == .addresses {
            terms.append(
                Term(text: String(text), isNegated: true, isGroup: true, depth: depth + 1))
            return
        }
        for member in members {
            try collect(member, isNegated, kind, depth: depth + 1, &termCount, into: &terms)
        }
    }

    /// What a group in brackets, of a name or with commas has in it; nil if the text is no group.
    private func members(
        ofGroup text: Substring, _ kind: Kind
    ) throws(GroupError) -> [Substring]? {
        if text.utf8.first == UInt8(ascii: "[") {
            guard text.utf8.last == UInt8(ascii: "]"), text.utf8.count > 1 else {
                throw GroupError(message: "'[' is not closed in '\(text)'")
            }
            return try Self.members(text.dropFirst().dropLast())
        }
        if text.utf8.first == UInt8(ascii: "$") {
            let groups = kind == .addresses ? addressGroups : portGroups
            let name = String(text.dropFirst())
            if let group = groups[name] { return [group[...]] }
            throw GroupError(
                message: "unknown variable '$\(name)'"
                    + (nearest(to: name, among: groups.keys.sorted())
                        .map { " — did you mean '$\($0)'?" }
                        ?? "; set it as \(kind.rawValue).\(name)"))
        }
        return text.utf8.contains(UInt8(ascii: ",")) ? try Self.members(text) : nil
    }

    /// The parts between the commas that are not inside of brackets.
    private static func members(_ text: Substring) throws(GroupError) -> [Substring] {
        var parts: [Substring] = []
        var depth = 0
        var start = text.startIndex
        for index in text.utf8.indices {
            switch text.utf8[index] {
            case UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: ",") where depth == 0:
                parts.append(text[start..<index])
                start = text.utf8.index(after: index)
            default: break
            }
            if depth < 0 { break }
        }
        guard depth == 0 else { throw GroupError(message: "the brackets of '\(text)' do not fit") }
        parts.append(text[start...])
        return parts.map(trimmed).filter { !$0.isEmpty }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var bytes = text.utf8[...]
        while let first = bytes.first, first.isBlank { bytes = bytes.dropFirst() }
        while let last = bytes.last, last.isBlank { bytes = bytes.dropLast() }
        return Substring(bytes)
    }
}

extension IPNetwork {
    /// The fewest networks that hold exactly the addresses of a range, all IPv4 or all IPv6.
    static func covering(_ range: ClosedRange<IPAddress>) -> [IPNetwork] {
        let bits = range.lowerBound.isV4 ? 32 : 128
        let offset: UInt128 = range.lowerBound.isV4 ? 0xffff_0000_0000 : 0
        func number(_ address: IPAddress) -> UInt128 {
            (UInt128(address.high) << 64 | UInt128(address.low)) &- offset
        }
        let last = number(range.upperBound)
        var next = number(range.lowerBound)
        var networks: [IPNetwork] = []
        // At most two networks of every size.
        while true {
            var size = min(next == 0 ? bits : min(next.trailingZeroBitCount, bits), bits)
            while size > 0, size == 128 || last &- next < (UInt128(1) << UInt128(size)) &- 1 {
                size -= 1
            }
            let start = next &+ offset
            let address = IPAddress(
                high: UInt64(truncatingIfNeeded: start >> 64),
                low: UInt64(truncatingIfNeeded: start))
            if let network = IPNetwork(address, prefixLength: bits - size) {
                networks.append(network)
            }
            let end = next &+ ((UInt128(1) << UInt128(size)) &- 1)
            if end >= last { return networks }
            next = end &+ 1
        }
    }
}
