/// One mistake or remark about what the user wrote, with its place: `path:line:column: error: message`.
public struct Diagnostic: Hashable, Sendable, CustomStringConvertible {
    /// How much a mistake matters.
    public enum Severity: String, Sendable {
        /// The rule or setting is not used.
        case error
        /// It is used, but probably not as meant.
        case warning
        /// A rule that is fine, but cannot apply here: its reason.
        case skipped
    }

    /// How much it matters.
    public var severity: Severity
    /// Where it was written.
    public var location: SourceLocation
    /// What is wrong, and what would be right.
    public var message: String
    /// The rule it is about, by id or title, where known.
    public var rule: String?

    /// Creates a diagnostic; `message` says what is wrong and what would be right.
    public init(
        _ severity: Severity, at location: SourceLocation, rule: String? = nil, _ message: String
    ) {
        self.severity = severity
        self.location = location
        self.rule = rule
        self.message = message
    }

    /// `path:line:column: error: message`.
    public var description: String { "\(location): \(severity.rawValue): \(message)" }
}

/// A place in a file that the user wrote. Lines and columns count from 1; 0 means the file as a whole.
public struct SourceLocation: Hashable, Sendable, CustomStringConvertible {
    /// The file as the user named it.
    public var path: String
    /// Line, from 1.
    public var line: Int
    /// Column in characters, from 1.
    public var column: Int

    /// Creates a place in a file.
    public init(path: String, line: Int = 0, column: Int = 0) {
        self.path = path
        self.line = line
        self.column = column
    }

    /// `path:line:column`, or the path alone.
    public var description: String { line > 0 ? "\(path):\(line):\(column)" : path }
}

/// The candidate nearest to a misspelt name, if one is near enough to be meant: by default as many slips apart as a third
/// of the name is long.
func nearest(
    to name: String, among candidates: some Sequence<String>, within distanceMax: Int? = nil
) -> String? {
    // Of a single character nothing would be left.
    let limit = min(distanceMax ?? max(1, name.utf8.count / 3), name.utf8.count - 1)
    var best: (name: String, distance: Int)?
    for candidate in candidates where abs(candidate.utf8.count - name.utf8.count) <= limit {
        let distance = editDistance(Array(name.utf8), Array(candidate.utf8))
        if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.name
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn one text into the other.
private func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var beforePrevious: [Int] = []
    var previous = Array(0...b.count)
    for i in 0..<a.count {
        var current = [i + 1]
        for j in 0..<b.count {
            let same = a[i].asciiLowercased == b[j].asciiLowercased
            var cost = min(previous[j + 1] + 1, current[j] + 1, previous[j] + (same ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                cost = min(cost, beforePrevious[j - 1] + 1)
            }
            current.append(cost)
        }
        (beforePrevious, previous) = (previous, current)
    }
    return previous[b.count]
}
