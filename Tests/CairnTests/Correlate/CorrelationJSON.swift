import Foundation

@testable import Cairn

/// Correlation rules and settings as the reference implementation's documents, put into JSON, say
/// them.
enum CorrelationJSON {
    static func program(_ documents: JSONValue) -> CorrelationProgram {
        var rules: [CorrelationRule] = []
        var detections: [RuleHeader] = []
        for document in documents.elements ?? [] {
            let header = header(document)
            if let section = document["correlation"] {
                rules.append(rule(header, section, document))
            } else {
                detections.append(header)
            }
        }
        return CorrelationProgram(rules: rules, detections: detections)
    }

    static func settings(_ config: JSONValue?) -> CorrelationSettings {
        var settings = CorrelationSettings()
        func set(_ name: String, _ value: JSONValue?) {
            guard let values = value.map(texts) else { return }
            let problem = settings.set(name, to: values)
            precondition(problem == nil, problem ?? "")
        }
        set("lateness", config?["lateness"])
        for name in [
            "gap", "max-duration", "max-open", "min-level", "pivot-level", "shared", "evidence",
        ] {
            set("incident.\(name)", config?["incident"]?[name])
        }
        return settings
    }

    static func texts(_ value: JSONValue) -> [String] {
        switch value {
        case .string(let text): [text]
        case .number(let text, _): [text]
        case .array(let elements): elements.flatMap(texts)
        default: []
        }
    }

    private static func header(_ document: JSONValue) -> RuleHeader {
        let names = ["id", "name", "title"].compactMap { document[$0]?.text }
        return RuleHeader(
            id: names.first ?? "", name: document["name"]?.text,
            title: document["title"]?.text ?? "",
            level: document["level"]?.text.flatMap(Level.init),
            tags: (document["tags"]?.elements ?? []).compactMap(\.text),
            location: SourceLocation(path: document["file"]?.text ?? "rules.yml"))
    }

    private static func rule(
        _ header: RuleHeader, _ section: JSONValue, _ document: JSONValue
    ) -> CorrelationRule {
        var rule = CorrelationRule(
            header: header,
            type: CorrelationType(rawValue: section["type"]?.text ?? "") ?? .event_count,
            rules: section["rules"].map(texts) ?? [],
            groupBy: section["group-by"].map(texts) ?? [], aliases: [],
            timespanNanoseconds: nanoseconds(ofTimeSpan: section["timespan"]?.text ?? "") ?? 0)
        if case .object(let aliases)? = section["aliases"] {
            for alias in aliases {
                guard case .object(let fields) = alias.value else { continue }
                rule.aliases.append(
                    (alias.key, fields.map { ($0.key, $0.value.text ?? "") }))
            }
        }
        rule.condition = condition(section["condition"])
        rule.generate = (section["generate"] ?? document["generate"]) == .bool(true)
        let extra = section["cairn"]
        rule.until = extra?["until"].map(texts) ?? []
        rule.suppressNanoseconds = extra?["suppress"].map(texts)?.first.flatMap(nanoseconds)
        rule.groupCountMax = extra?["max-groups"]?.integer.map(Int.init) ?? rule.groupCountMax
        rule.itemCountMax = extra?["max-items"]?.integer.map(Int.init) ?? rule.itemCountMax
        rule.evidenceCountMax = extra?["evidence"]?.integer.map(Int.init) ?? rule.evidenceCountMax
        return rule
    }

    /// A map, or a tree `["and", [["ref", "a"], …]]`.
    private static func condition(_ value: JSONValue?) -> CorrelationCondition? {
        switch value {
        case .object(let members)?:
            let comparisons: [String: Comparison] = [
                "gt": .greater, "gte": .greaterOrEqual, "lt": .less, "lte": .lessOrEqual,
                "eq": .equal, "neq": .notEqual,
            ]
            let limits = members.compactMap { member in
                comparisons[member.key].map { ($0, millionths(member.value)) }
            }
            return .operators(
                limits, fields: value?["field"].map(texts) ?? [],
                percentile: value?["percentile"]?.integer.map(Int.init) ?? 50)
        case .array?: return value.map { .expression(expression($0)) }
        default: return nil
        }
    }

    private static func millionths(_ value: JSONValue) -> Int64 {
        let text = texts(value).first ?? ""
        return Int64(ExactNumber(Double(text) ?? 0)?.millionths ?? 0)
    }

    private static func expression(_ value: JSONValue) -> CorrelationExpression {
        let parts = value.elements ?? []
        if parts.first?.text == "ref" { return .rule(parts[1].text ?? "") }
        let inner = (parts[1].elements ?? []).map(expression)
        switch parts[0].text {
        case "and": return .and(inner)
        case "or": return .or(inner)
        default: return .not(inner[0])
        }
    }
}

/// Runs a correlator over lines of an alert file and returns what it wrote.
///
/// - Parameter stop: up to the line that begins here, or next; what follows is for a correlator that
///   goes on from the saved state of the first.
func correlate(
    _ program: CorrelationProgram, _ settings: CorrelationSettings, lines: [UInt8],
    stoppingAt stop: Int? = nil
) throws -> String {
    let output = OutputBox()
    var correlator = Correlator(program: program, settings: settings) { output.bytes += $0 }
    func read(_ lines: ArraySlice<UInt8>) {
        let reader = AlertFileReader(correlator: correlator)
        reader.begin(path: "alerts.jsonl")
        lines.withUnsafeBytes { reader.add($0) }
        reader.end()
    }
    var start = 0
    if let stop {
        start = lines[stop...].firstIndex(of: 0x0a).map { $0 + 1 } ?? lines.count
        read(lines[..<start])
        correlator = try Correlator(
            program: program, settings: settings, savedState: correlator.savedState
        ) { output.bytes += $0 }
    }
    read(lines[start...])
    correlator.finish()
    return String(decoding: output.bytes, as: UTF8.self)
}

final class OutputBox {
    var bytes: [UInt8] = []
}
