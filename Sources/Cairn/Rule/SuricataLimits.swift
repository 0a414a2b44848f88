/// Reads `threshold.config`: what is said about alerts outside of the rules.
struct SuricataLimits {
    let variables: RuleVariables

    private(set) var limits: [AlertLimit] = []
    /// Where each of them stands.
    private(set) var locations: [SourceLocation] = []
    /// Mistakes: one for each line that has some.
    private(set) var diagnostics: [Diagnostic] = []

    init(variables: RuleVariables) {
        self.variables = variables
    }

    /// Reads lines like `suppress gen_id 1, sig_id 2000328, track by_src, ip 10.0.0.1`.
    mutating func read(_ source: [UInt8], path: String) {
        source.withUnsafeBufferPointer { bytes in
            var lines = SuricataFile(bytes, lineOffset: 0)
            while let line = lines.nextConfigLine() {
                func location(_ offset: Int) -> SourceLocation {
                    let mark = lines.text.mark(at: offset)
                    return SourceLocation(
                        path: path, line: Int(mark.line), column: Int(mark.column))
                }
                do throws(SuricataProblem) {
                    limits.append(try limit(line))
                    locations.append(location(line.offset))
                } catch {
                    diagnostics.append(
                        Diagnostic(.error, at: location(error.offset), error.message))
                }
            }
        }
    }

    private static let names = ["suppress", "threshold", "event_filter", "rate_filter"]

    private func limit(_ line: SuricataValue) throws(SuricataProblem) -> AlertLimit {
        let name = SuricataValue(bytes: line.bytes.prefix { !$0.isSuricataSpace })
        guard Self.names.contains(name.text) else {
            throw name.error(
                "unknown '\(name.text)'"
                    + (nearest(to: name.text, among: Self.names).map { " — did you mean '\($0)'?" }
                        ?? "; use \(alternatives(Self.names))"))
        }
        let rest = SuricataValue(bytes: line.bytes[name.bytes.endIndex...].trimmedOfSpace)
        let words = try LimitWords(rest)
        let generator = try words.number("gen_id", in: 0...0xffff_ffff)
        let signature = try words.number("sig_id", in: 0...0xffff_ffff)
        return AlertLimit(
            generatorID: UInt32(generator), signatureID: UInt64(signature),
            kind: try kind(name.text, words))
    }

    private func kind(
        _ name: String, _ words: LimitWords
    ) throws(SuricataProblem) -> AlertLimit.Kind {
        switch name {
        case "suppress":
            guard words.has("track") || words.has("ip") else {
                return .suppress(nil, AddressSet())
            }
            let end: AlertLimit.SuppressedEnd = try words.choice("track")
            let ip = try words.value("ip")
            do throws(RuleVariables.GroupError) {
                return .suppress(end, try variables.addressSet(ip.text))
            } catch {
                throw ip.error(error.message)
            }
        case "rate_filter":
            return .rate(
                RateFilter(
                    track: try words.choice("track"),
                    count: try words.number("count", in: 1...0xffff_ffff),
                    seconds: try words.number("seconds", in: 1...0xffff_ffff),
                    newAction: try words.choice("new_action"),
                    timeoutSeconds: try words.number("timeout", in: 1...0xffff_ffff)))
        default:
            let kind: Threshold.Kind = try words.choice("type")
            var threshold = Threshold(
                kind: kind, track: try words.choice("track"),
                count: try words.number("count", in: 1...0xffff_ffff), seconds: 0)
            if kind == .backoff {
                guard threshold.track == .by_flow else {
                    throw try words.value("track").error(
                        "'backoff' counts alerts of flows: by_flow")
                }
                threshold.multiplier = try words.number("multiplier", in: 1...0xffff_ffff)
            } else {
                threshold.seconds = try words.number("seconds", in: 0...0xffff_ffff)
            }
            return .threshold(threshold)
        }
    }
}

/// `gen_id 1, sig_id 2, track by_src`: words with a value each.
private struct LimitWords {
    private let line: SuricataValue
    private var values: [String: SuricataValue] = [:]

    init(_ line: SuricataValue) throws(SuricataProblem) {
        self.line = line
        // Addresses in brackets have commas of their own.
        var depth = 0
        var start = line.bytes.startIndex
        for index in line.bytes.indices {
            switch line.bytes[index] {
            case UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: ",") where depth == 0:
                try add(line.bytes[start..<index])
                start = index + 1
            default: break
            }
        }
        try add(line.bytes[start...])
    }

    private mutating func add(_ part: ArraySlice<UInt8>) throws(SuricataProblem) {
        let part = part.trimmedOfSpace
        guard let space = part.firstIndex(where: { $0.isSuricataSpace }) else {
            throw SuricataProblem(
                offset: part.startIndex, message: "expected a word and its value, like 'gen_id 1'")
        }
        let name = SuricataValue(bytes: part[..<space]).text
        values[name] = SuricataValue(bytes: part[space...].trimmedOfSpace)
    }

    func has(_ name: String) -> Bool { values[name] != nil }

    func value(_ name: String) throws(SuricataProblem) -> SuricataValue {
        guard let value = values[name] else { throw line.error("'\(name)' is missing") }
        return value
    }

    func number(
        _ name: String, in range: ClosedRange<Int64>
    ) throws(SuricataProblem) -> Int64 {
        let value = try value(name)
        if let number = value.integer, range.contains(number) { return number }
        throw value.error(
            "'\(name)' must be a number in \(range.lowerBound)...\(range.upperBound)")
    }

    func choice<T: RawRepresentable<String> & CaseIterable>(
        _ name: String
    ) throws(SuricataProblem) -> T {
        let value = try value(name)
        if let choice = T(rawValue: value.text) { return choice }
        throw value.error(
            "unknown \(name) '\(value.text)'; use \(alternatives(T.allCases.map(\.rawValue)))")
    }
}
