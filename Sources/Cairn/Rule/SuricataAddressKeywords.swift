/// Keywords about the addresses of sender and receiver: `ip.src` and `ip.dst`, `geoip`, `iprep`.
extension SuricataDraft {
    /// Which ends a test of addresses is about.
    enum Ends: String, CaseIterable {
        case any, src, dst, both
    }

    /// The address as a sticky buffer, for sets.
    mutating func address(isSource: Bool, _ option: SuricataOption) throws(SuricataProblem) {
        try option.bare()
        select(.end(isSource: isSource), at: option.offset)
    }

    /// `dst,DE,FR`, `any,!CN`
    mutating func country(_ option: SuricataOption) throws(SuricataProblem) {
        let value = try option.required()
        var parts = value.split(",")
        var ends = Ends.any
        if let first = parts.first, let named = Ends(rawValue: first.text) {
            ends = named
            parts.removeFirst()
        }
        guard let test = CountryTest(parts.map(\.text)) else {
            throw value.error(
                "'geoip' takes \(alternatives(Ends.allCases.map(\.rawValue))), then countries of two"
                    + " capital letters, all with ! before them or none, like 'dst,DE,FR'")
        }
        endTests.append((ends, .country(test)))
        requiresPacket = true
    }

    /// `dst,CnC,>,30`, `src,Known,isset`
    mutating func hostReputation(_ option: SuricataOption) throws(SuricataProblem) {
        let value = try option.required()
        let parts = value.split(",")
        guard parts.count >= 3, let ends = Ends(rawValue: parts[0].text),
            let kind = Self.reputation(parts.dropFirst(2).map { $0 })
        else {
            throw value.error(
                "'iprep' takes \(alternatives(Ends.allCases.map(\.rawValue))), a category, and"
                    + " isset, isnotset or a comparison with a number in 0...127, like"
                    + " 'dst,CnC,>,30'")
        }
        endTests.append(
            (ends, .reputation(ReputationTest(category: parts[1].text, kind: kind))))
    }

    private static func reputation(_ parts: [SuricataValue]) -> ReputationTest.Kind? {
        if parts.count == 1 {
            return ["isset": .isset, "isnotset": .isnotset][parts[0].text]
        }
        guard parts.count == 2, let comparison = ReputationTest.comparisons[parts[0].text],
            let number = parts[1].integer, (0...127).contains(number)
        else { return nil }
        return .compare(comparison, number)
    }

    // MARK: Conditions

    /// The address of who sends, or receives, in the direction that the rule is about. On packets that is who the packet is
    /// from; on transactions `src.ip` is the client, unless the rule looks at each direction by itself.
    private static func end(isSource: Bool, _ direction: Direction?) -> FieldID {
        field(isSource != (direction == .toClient) ? "src.ip" : "dst.ip")
    }

    /// The tests of addresses.
    func addressTests(_ direction: Direction?) -> [Condition] {
        var conditions: [Condition] = endTests.map { ends, predicate in
            func test(_ isSource: Bool) -> Condition {
                .match(
                    FieldMatch(field: Self.end(isSource: isSource, direction), predicate: predicate)
                )
            }
            return switch ends {
            case .src: test(true)
            case .dst: test(false)
            case .any: .anyOf([test(true), test(false)])
            case .both: .allOf([test(true), test(false)])
            }
        }
        for buffer in buffers {
            if case .end(let isSource) = buffer.place {
                conditions += buffer.matches(Self.end(isSource: isSource, direction))
            }
        }
        return conditions
    }

    /// Whether something is said of addresses that depends on the direction.
    var looksAtEnds: Bool {
        !endTests.isEmpty
            || buffers.contains { if case .end = $0.place { true } else { false } }
    }

    /// Addresses are no texts.
    func checkEnds() throws(SuricataProblem) {
        for buffer in buffers where !buffer.steps.isEmpty {
            guard case .end(let isSource) = buffer.place else { continue }
            throw SuricataProblem(
                offset: buffer.offset,
                message: "'ip.\(isSource ? "src" : "dst")' goes with 'dataset' and 'datarep' only")
        }
    }
}
