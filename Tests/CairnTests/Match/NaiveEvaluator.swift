@testable import Cairn

/// What rules mean, written as plainly as possible: every rule on every event, no prefilter, no compilation.
struct NaiveEvaluator {
    /// The values of one event, by field of `Probe`.
    var values: [Probe.Field: [Value]] = [:]
    var toServer: Progress = .none
    var toClient: Progress = .none
    /// The client's address and port, which every event has.
    var client: (IPAddress, UInt16)

    enum Value: Equatable {
        case number(Int64)
        case address(IPAddress)
        case bytes([UInt8])

        var text: [UInt8] {
            switch self {
            case .number(let number): Array(String(number).utf8)
            case .address(let address): Array(address.description.utf8)
            case .bytes(let bytes): bytes
            }
        }
    }

    /// Whether a condition, or its opposite, holds and will not stop holding.
    func isCertain(_ condition: Condition, isNegated: Bool = false) -> Bool {
        switch condition {
        case .match(let match):
            return isReady(match, isNegated) && holds(match) != isNegated
        case .not(let inner): return isCertain(inner, isNegated: !isNegated)
        case .all(let parts):
            return isNegated
                ? parts.contains { isCertain($0, isNegated: true) }
                : parts.allSatisfy { isCertain($0) }
        case .any(let parts):
            return isNegated
                ? parts.allSatisfy { isCertain($0, isNegated: true) }
                : parts.contains { isCertain($0) }
        }
    }

    /// Whether values could still come that would change the test.
    private func isReady(_ match: FieldMatch, _ isNegated: Bool) -> Bool {
        if let field = match.field, field.subject == 0 { return true }
        let isAbsence = match.predicate == .isAbsent || match.predicate == .exists(false)
        if isNegated != isAbsence { return toServer == .complete && toClient == .complete }
        guard let id = match.field, let field = Probe.Field(rawValue: id.index) else {
            return toServer >= .line || toClient >= .line
        }
        guard case .fieldReference(let id, _, _) = match.predicate,
            let other = Probe.Field(rawValue: id.index)
        else { return isReady(field, inEither: true) }
        // Two fields of both directions that are complete in different ones wait for each other.
        let isOfBoth = field.definition.direction == nil && other.definition.direction == nil
        let available = max(field.definition.available, other.definition.available)
        return isOfBoth
            ? toServer >= available || toClient >= available
            : isReady(field, inEither: false) && isReady(other, inEither: false)
    }

    private func isReady(_ field: Probe.Field, inEither: Bool) -> Bool {
        let available = field.definition.available
        return switch field.definition.direction {
        case .toServer: toServer >= available
        case .toClient: toClient >= available
        case nil:
            inEither
                ? toServer >= available || toClient >= available
                : toServer >= available && toClient >= available
        }
    }

    private func values(of field: FieldID?) -> [Value] {
        guard let field else {
            return Probe.Field.allCases.filter { $0.definition.type.isText }
                .flatMap { values[$0] ?? [] }
        }
        if field == Probe.common(.clientAddress) { return [.address(client.0)] }
        if field == Probe.common(.clientPort) { return [.number(Int64(client.1))] }
        return Probe.Field(rawValue: field.index).flatMap { values[$0] } ?? []
    }

    private func holds(_ match: FieldMatch) -> Bool {
        let values = values(of: match.field)
        switch match.predicate {
        case .exists(let exists): return values.isEmpty != exists
        case .isAbsent: return values.isEmpty
        default: return values.contains { holds(match, $0) }
        }
    }

    private func holds(_ match: FieldMatch, _ value: Value) -> Bool {
        switch match.predicate {
        case .number(let comparison, let number):
            switch value {
            case .number(let value): return Self.compare(value, comparison, number)
            case .address: return false
            case .bytes(let bytes):
                return Int64(String(decoding: bytes, as: UTF8.self))
                    .map { Self.compare($0, comparison, number) } ?? false
            }
        case .network(let network):
            if case .address(let address) = value { return network.contains(address) }
            return IPAddress(String(decoding: value.text, as: UTF8.self))
                .map { network.contains($0) } ?? false
        case .fieldReference(let other, let position, let isCased):
            let text = Self.fold(value.text, isCased)
            return values(of: other).contains { other in
                let other = Self.fold(other.text, isCased)
                return switch position {
                case .whole: text == other
                case .prefix: text.starts(with: other)
                case .suffix: text.reversed().starts(with: other.reversed())
                case .anywhere: Self.contains(text, other)
                }
            }
        default: break
        }
        let text = match.transforms.reduce(value.text) { Self.transform($0, $1) }
        switch match.predicate {
        case .text(let pattern):
            return Self.matches(
                pattern.parts[...], Self.fold(text, pattern.isCased)[...], pattern.isCased)
        case .regex(let pattern):
            let table = RegexTable()
            guard let index = try? table.add(pattern) else { return false }
            let runner = RegexRunner(table, matchLimit: 100_000, depthLimit: 100_000)
            return text.withUnsafeBytes { runner.match(index, in: $0) } != nil
        case .sequence(let steps):
            return Self.sequenceHolds(steps, text)
        default: return false
        }
    }

    /// Sequences have tests of their own (`SequenceTests`).
    private static func sequenceHolds(_ steps: [SequenceStep], _ text: [UInt8]) -> Bool {
        CairnTests.holds(steps, text)
    }

    private static func compare(_ a: Int64, _ comparison: Comparison, _ b: Int64) -> Bool {
        switch comparison {
        case .equal: a == b
        case .notEqual: a != b
        case .less: a < b
        case .lessOrEqual: a <= b
        case .greater: a > b
        case .greaterOrEqual: a >= b
        }
    }

    private static func fold(_ text: [UInt8], _ isCased: Bool) -> [UInt8] {
        isCased ? text : Array(String(decoding: text, as: UTF8.self).lowercased().utf8)
    }

    private static func contains(_ text: [UInt8], _ part: [UInt8]) -> Bool {
        part.isEmpty || text.indices.contains { text[$0...].starts(with: part) }
    }

    private static func matches(
        _ parts: ArraySlice<TextPattern.Part>, _ text: ArraySlice<UInt8>, _ isCased: Bool
    ) -> Bool {
        guard let part = parts.first else { return text.isEmpty }
        switch part {
        case .literal(let bytes):
            let bytes = fold(bytes, isCased)
            return text.starts(with: bytes)
                && matches(parts.dropFirst(), text.dropFirst(bytes.count), isCased)
        case .anyOne: return !text.isEmpty && matches(parts.dropFirst(), text.dropFirst(), isCased)
        case .anyMany:
            return (text.startIndex...text.endIndex).contains {
                matches(parts.dropFirst(), text[$0...], isCased)
            }
        }
    }

    private static func transform(_ text: [UInt8], _ transform: Transform) -> [UInt8] {
        switch transform {
        case .toLowercase: Array(String(decoding: text, as: UTF8.self).lowercased().utf8)
        case .toUppercase: Array(String(decoding: text, as: UTF8.self).uppercased().utf8)
        case .dotprefix: [0x2e] + text
        case .stripWhitespace: text.filter { $0 != 0x20 }
        case .stripPseudoHeaders: text.first == 0x3a ? [] : text
        case .xor(let key): zip(text.indices, text).map { $1 ^ key[$0 % key.count] }
        default: text
        }
    }
}
