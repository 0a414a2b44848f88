@testable import Cairn

extension SeededGenerator {
    /// A number below a limit.
    mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &self) }

    /// Bytes out of an alphabet.
    mutating func bytes(_ count: Int, of alphabet: [UInt8]) -> [UInt8] {
        (0..<count).map { _ in alphabet[below(alphabet.count)] }
    }

    /// True once in so many times.
    mutating func oneIn(_ count: Int) -> Bool { below(count) == 0 }

    mutating func element<Element>(of elements: [Element]) -> Element {
        elements[below(elements.count)]
    }
}

/// A made-up protocol whose fields have all types, directions and times, and the tables that rules on it can name.
enum Probe {
    static let definition = ProtocolDefinition(
        name: "probe", summary: "a protocol of tests",
        fields: [
            FieldDefinition("probe.line", .text, .toServer, available: .line, "first line"),
            FieldDefinition(
                "probe.headers", .bytes, list: true, .toServer, available: .headers, "headers"),
            FieldDefinition("probe.body", .bytes, .toServer, available: .complete, "body"),
            FieldDefinition("probe.status", .integer, .toClient, available: .line, "status"),
            FieldDefinition("probe.answer", .bytes, .toClient, available: .complete, "answer"),
            FieldDefinition("probe.names", .text, list: true, available: .headers, "of both"),
            FieldDefinition("probe.address", .ip, .toServer, available: .headers, "address"),
            FieldDefinition("probe.flag", .bool, available: .complete, "flag"),
        ])

    enum Field: UInt16, CaseIterable {
        case line, headers, body, status, answer, names, address, flag

        var id: FieldID { FieldID(subject: UInt8(Probe.subject), index: rawValue) }
        var definition: FieldDefinition { Probe.definition.fields[Int(rawValue)] }
    }

    static let subjects = [
        CommonFields.definition, PacketFields.definition, StreamFields.definition,
        FlowFields.definition, definition,
    ]
    static let packet = 1
    static let stream = 2
    static let flow = 3
    static let subject = 4

    static func common(_ field: CommonField) -> FieldID {
        FieldID(subject: 0, index: UInt16(field.rawValue))
    }

    static let payload = FieldID(subject: UInt8(stream), index: 0)
    static let packetPayload = FieldID(
        subject: UInt8(packet), index: UInt16(PacketField.payload.rawValue))

    /// A rule with little but a condition.
    static func rule(
        _ condition: Condition, id: String = "1", subject: Int = Probe.subject
    ) -> DetectionRule {
        DetectionRule(
            header: RuleHeader(
                id: id, title: "rule \(id)", location: SourceLocation(path: "test.yml")),
            subject: subject, condition: condition)
    }

    static func compiled(
        _ rules: [DetectionRule], settings: MatchSettings = MatchSettings(),
        carriedFields: [[FieldID]] = []
    ) -> CompiledRules {
        CompiledRules(
            rules, carriedFields: carriedFields, settings: settings, subjects: subjects)
    }
}

extension Condition {
    static func test(_ field: FieldID?, _ predicate: Predicate, _ transforms: [Transform] = [])
        -> Condition
    {
        .match(FieldMatch(field: field, transforms: transforms, predicate: predicate))
    }

    static func test(_ field: Probe.Field, _ predicate: Predicate) -> Condition {
        test(field.id, predicate)
    }
}

extension Predicate {
    /// Text with `*` and `?`.
    static func text(_ pattern: String, isCased: Bool = false) -> Predicate {
        .text(TextPattern(pattern, isCased: isCased))
    }

    static func contains(_ text: String, isCased: Bool = false) -> Predicate {
        .text("*\(text)*", isCased: isCased)
    }

    static func regex(_ pattern: String) -> Predicate { .regex(RegexPattern(pattern: pattern)) }
}

extension SequenceStep {
    /// A content with bounds; relative if it has `distance` or `within`.
    static func content(
        _ text: String, offset: Int64? = nil, depth: Int64? = nil, distance: Int64? = nil,
        within: Int64? = nil, not: Bool = false, nocase: Bool = false, startsWith: Bool = false,
        endsWith: Bool = false
    ) -> SequenceStep {
        var step = ContentStep(bytes: Array(text.utf8), ignoresCase: nocase, isNegated: not)
        step.offset = offset.map { .number($0) }
        step.depth = depth.map { .number($0) }
        step.distance = distance.map { .number($0) }
        step.within = within.map { .number($0) }
        step.startsWith = startsWith
        step.endsWith = endsWith
        return .content(step)
    }

    static func base64(
        _ decoding: Base64Decoding = Base64Decoding(), relative: Bool = false,
        steps: [SequenceStep]
    ) -> SequenceStep {
        .base64(decoding, isRelative: relative, steps)
    }

    static func regex(_ pattern: String, relative: Bool = false, not: Bool = false)
        -> SequenceStep
    {
        .regex(
            RegexPattern(pattern: pattern), isRelative: relative, isNegated: not, captures: [])
    }

    static func isDataAt(_ offset: Int64, relative: Bool = false, not: Bool = false)
        -> SequenceStep
    {
        .isDataAt(.number(offset), isRelative: relative, isNegated: not)
    }
}

extension ByteNumber {
    init(
        _ byteCount: Int64, at offset: Int64, relative: Bool = false, little: Bool = false,
        text: Text? = nil, mask: UInt64? = nil
    ) {
        self.init(
            byteCount: .number(byteCount), offset: .number(offset), isRelative: relative,
            isLittleEndian: little, text: text, bitmask: mask)
    }
}

/// Whether a sequence holds for a text.
func holds(
    _ steps: [SequenceStep], _ text: [UInt8], base: UInt64 = 0, recursionLimit: Int = 3000
) -> Bool {
    let table = RegexTable()
    let code = SequenceCode(regexTable: table, arena: Arena())
    var variables: [String] = []
    guard let range = try? code.add(steps, variables: &variables) else { return false }
    let regexes = RegexRunner(table, matchLimit: 3500, depthLimit: 1500)
    let runner = SequenceRunner(code, regexes, MatchNotes(), recursionLimit: recursionLimit)
    return text.withUnsafeBytes { runner.holds(range, $0, base: base) }
}

func holds(_ steps: [SequenceStep], _ text: String, base: UInt64 = 0) -> Bool {
    holds(steps, Array(text.utf8), base: base)
}

/// A flow outside of any table.
final class TestFlow {
    let pointer: FlowPointer

    init(
        _ transport: Transport, _ client: Endpoint, _ server: Endpoint,
        state: FlowState = .established
    ) {
        var flow = Flow()
        flow.transport = transport
        flow.ipVersion = 4
        flow.client = client.address
        flow.server = server.address
        flow.clientPort = client.port
        flow.serverPort = server.port
        flow.state = state
        flow.id = 1
        pointer = .allocate(capacity: 1)
        pointer.initialize(to: flow)
    }

    deinit { pointer.deallocate() }

    var place: CommonFields.Context { CommonFields.Context(flow: pointer) }
}

extension Matcher {
    /// The rules of the candidates since the last drain.
    func drainRules() -> [Int] {
        var rules: [Int] = []
        drain { rules += $0.map(\.alert.rule) }
        return rules
    }
}
