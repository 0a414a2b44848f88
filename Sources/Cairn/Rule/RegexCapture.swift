/// What becomes of the text that a group of an expression matched.
enum RegexCapture: Equatable {
    /// A number that later steps use.
    case variable(String)
    /// A text that the alert shows, by its name there.
    case label(String)

    /// Where Suricata keeps the text. Alerts show all of them.
    static let scopes = ["alert", "flow", "pkt"]

    /// `len`, `flow:name`; nil for a group without a name.
    init?(_ name: String) {
        if name.isEmpty { return nil }
        self = name.contains(":") ? .label(name) : .variable(name)
    }

    /// Whether a name with a colon has a scope that there is.
    static func isValid(_ name: String) -> Bool {
        guard let colon = name.firstIndex(of: ":") else { return true }
        return scopes.contains(String(name[..<colon])) && name.index(after: colon) < name.endIndex
    }

    /// What groups with names like `flow_user` capture: `flow:user`, empty for other groups. Nothing if there are none.
    static func names(ofGroupsIn pattern: String) -> [String] {
        // Few expressions have groups with names, which begin with `(?P<`, `(?<` or `(?'`.
        guard pattern.withUTF8Bytes(hasNameStart) else { return [] }
        var names: [String] = []
        var isEscaped = false
        var isInClass = false
        var rest = pattern[...]
        while let character = rest.popFirst() {
            if isEscaped {
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if isInClass {
                isInClass = character != "]"
            } else if character == "[" {
                isInClass = true
                // A bracket right behind the first is one of the characters.
                if rest.first == "^" { rest.removeFirst() }
                if rest.first == "]" { rest.removeFirst() }
            } else if character == "(", let name = groupName(rest) {
                names.append(capture(ofGroup: name))
            }
        }
        while names.last?.isEmpty == true { names.removeLast() }
        return names
    }

    private static func hasNameStart(_ pattern: UnsafeRawBufferPointer) -> Bool {
        for (first, second) in zip(pattern, pattern.dropFirst()) where first == UInt8(ascii: "?") {
            switch second {
            case UInt8(ascii: "P"), UInt8(ascii: "<"), UInt8(ascii: "'"): return true
            default: continue
            }
        }
        return false
    }

    /// The name of a group that begins here, empty if it has none; nil if it captures nothing.
    private static func groupName(_ rest: Substring) -> Substring? {
        if rest.hasPrefix("*") { return nil }
        guard rest.hasPrefix("?") else { return rest.prefix(0) }
        for (opening, closing) in [("?P<", ">"), ("?<", ">"), ("?'", "'")]
        where rest.hasPrefix(opening) {
            let name = rest.dropFirst(opening.count).prefix { "\($0)" != closing }
            return name.hasPrefix("=") || name.hasPrefix("!") ? nil : name
        }
        return nil
    }

    private static func capture(ofGroup name: Substring) -> String {
        for scope in scopes where name.hasPrefix(scope + "_") {
            return scope + ":" + name.dropFirst(scope.count + 1)
        }
        return ""
    }
}
