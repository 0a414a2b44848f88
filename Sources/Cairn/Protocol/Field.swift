/// What kind of value a field has.
public enum FieldType: String, Sendable {
    case bytes, text, integer, ip, bool
}

/// How far one direction of a transaction has come. Rules are evaluated when what they look at is
/// complete.
public enum Progress: UInt8, Comparable, Sendable {
    /// Nothing was seen.
    case none
    /// The first line, or what a protocol opens with.
    case line
    /// All headers.
    case headers
    /// Part of the body.
    case body
    /// The whole message; what is no part of it may still come, as in HTTP/2.
    case message
    /// Nothing more comes.
    case complete

    /// Orders by value.
    @inline(__always) public static func < (a: Progress, b: Progress) -> Bool {
        a.rawValue < b.rawValue
    }
}

/// One field that rules can name and events show: declared once, in the table of what it belongs
/// to.
public struct FieldDefinition: Sendable {
    /// Registry name, `protocol.field`; where Suricata has a sticky buffer of that meaning, its
    /// name.
    public let name: String
    /// What kind of value it has.
    public let type: FieldType
    /// Whether an event has several values (headers, answers, certificates).
    public let isList: Bool
    /// Who sends it; nil if it belongs to both or neither.
    let direction: Direction?
    /// Rules on the direction of the answer see what the request says here too.
    var isSeenFromAnswer = false
    /// When it is complete, in its direction.
    let available: Progress
    /// Other names for it: Zeek's, Sigma's, old Suricata keywords.
    public let aliases: [String]
    /// Its key in the protocol's object of EVE events (`hostname`); nil if events do not show it.
    /// Lists of equal length with keys of the form `answers[].rdata` become one array of objects.
    let eve: String?
    /// One line of meaning for `cairn fields` and the reference page.
    public let summary: String

    init(
        _ name: String, _ type: FieldType, list: Bool = false, _ direction: Direction? = nil,
        available: Progress = .complete, aliases: [String] = [], eve: String? = nil,
        _ summary: String
    ) {
        self.name = name
        self.type = type
        self.isList = list
        self.direction = direction
        self.available = available
        self.aliases = aliases
        self.eve = eve
        self.summary = summary
    }

    /// A field that belongs to both directions, or to none.
    init(
        _ name: String, _ type: FieldType, list: Bool = false, available: Progress = .complete,
        aliases: [String] = [], eve: String? = nil, _ summary: String
    ) {
        self.init(
            name, type, list: list, nil, available: available, aliases: aliases, eve: eve, summary)
    }

    /// The same field, which rules on the answer see too.
    var seenFromAnswer: FieldDefinition {
        var field = self
        field.isSeenFromAnswer = true
        return field
    }

    /// Whether rules on a direction see it.
    func isSeen(_ direction: Direction) -> Bool {
        self.direction ?? direction == direction || isSeenFromAnswer
    }
}
