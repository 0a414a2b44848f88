import Foundation

/// Checks JSON values against the part of JSON Schema (draft 2020-12) that the schemas of the records use.
///
/// Every keyword that it does not know is a failure, so that a schema cannot silently ask for more.
struct JSONSchema {
    private let root: [String: Any]

    /// Reads a schema of the sources by its name, as in `alert`.
    init(named name: String) throws {
        let data = try Data(
            contentsOf: repository.appending(
                path: "Sources/Cairn/Output/Schemas/\(name).schema.json"))
        root = try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
    }

    /// What is wrong with a line; empty if it is as the schema says.
    func problems(in line: some Sequence<UInt8>) -> [String] {
        guard
            let value = try? JSONSerialization.jsonObject(
                with: Data(line), options: .fragmentsAllowed)
        else {
            return ["no JSON: \(String(decoding: Array(line), as: UTF8.self))"]
        }
        return problems(value, root, "$")
    }

    private func problems(_ value: Any, _ schema: [String: Any], _ path: String) -> [String] {
        schema.sorted { $0.key < $1.key }.flatMap { keyword, rule -> [String] in
            switch keyword {
            case "$schema", "title", "description": return []
            case "type": return typeProblems(value, rule, path)
            case "const":
                return (value as? NSObject) == (rule as? NSObject) ? [] : ["\(path): not \(rule)"]
            case "enum":
                let allowed = rule as? [NSObject] ?? []
                return allowed.contains { $0 == value as? NSObject }
                    ? [] : ["\(path): \(value) not in \(allowed)"]
            case "pattern":
                let pattern = rule as? String ?? "a^"
                return (value as? String)?.range(of: pattern, options: .regularExpression) == nil
                    ? ["\(path): \(value) does not match \(pattern)"] : []
            case "minimum", "maximum": return limitProblems(value, keyword, rule, path)
            case "required":
                let object = value as? [String: Any] ?? [:]
                return (rule as? [String] ?? []).filter { object[$0] == nil }.map {
                    "\(path): lacks \($0)"
                }
            case "properties": return propertyProblems(value, rule, path)
            case "additionalProperties": return additionalProblems(value, schema, rule, path)
            case "items":
                let elements = value as? [Any] ?? []
                return elements.enumerated().flatMap {
                    problems($0.element, rule as? [String: Any] ?? [:], "\(path)[\($0.offset)]")
                }
            case "oneOf":
                let fitting = (rule as? [[String: Any]] ?? []).filter {
                    problems(value, $0, path).isEmpty
                }
                return fitting.count == 1
                    ? [] : ["\(path): fits \(fitting.count) of the alternatives"]
            default: return ["\(path): the schema uses the unknown keyword \(keyword)"]
            }
        }
    }

    private func typeProblems(_ value: Any, _ rule: Any, _ path: String) -> [String] {
        let types = rule as? [String] ?? [rule as? String ?? ""]
        let actual: Set<String> =
            switch value {
            case is NSNull: ["null"]
            case is String: ["string"]
            case is [Any]: ["array"]
            case is [String: Any]: ["object"]
            case let number as NSNumber where isBoolean(number): ["boolean"]
            case let number as NSNumber:
                number.doubleValue.rounded() == number.doubleValue
                    ? ["integer", "number"] : ["number"]
            default: []
            }
        return actual.isDisjoint(with: types) ? ["\(path): is \(actual), not \(types)"] : []
    }

    /// Foundation bridges booleans to numbers of the C type char.
    private func isBoolean(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }

    private func limitProblems(_ value: Any, _ keyword: String, _ rule: Any, _ path: String)
        -> [String]
    {
        guard let number = value as? NSNumber, let limit = rule as? NSNumber else { return [] }
        let isFine =
            keyword == "minimum"
            ? number.doubleValue >= limit.doubleValue : number.doubleValue <= limit.doubleValue
        return isFine ? [] : ["\(path): \(number) beyond \(keyword) \(limit)"]
    }

    private func propertyProblems(_ value: Any, _ rule: Any, _ path: String) -> [String] {
        guard let object = value as? [String: Any], let rules = rule as? [String: Any] else {
            return []
        }
        return object.sorted { $0.key < $1.key }.flatMap { key, member -> [String] in
            (rules[key] as? [String: Any]).map { problems(member, $0, "\(path).\(key)") } ?? []
        }
    }

    private func additionalProblems(
        _ value: Any, _ schema: [String: Any], _ rule: Any, _ path: String
    ) -> [String] {
        guard let object = value as? [String: Any] else { return [] }
        let known = Set((schema["properties"] as? [String: Any] ?? [:]).keys)
        return object.filter { !known.contains($0.key) }.sorted { $0.key < $1.key }.flatMap {
            key, member -> [String] in
            if let rule = rule as? [String: Any] { return problems(member, rule, "\(path).\(key)") }
            return (rule as? Bool ?? true) ? [] : ["\(path): \(key) is not in the schema"]
        }
    }
}

/// The folder that holds Package.swift.
let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
