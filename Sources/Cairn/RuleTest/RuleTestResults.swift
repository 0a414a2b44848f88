/// How one test went.
struct RuleTestResult: Sendable {
    let test: RuleTest
    /// What was different; empty if it passed.
    let failures: [RuleTestFailure]
}

/// What is wrong with a test or with what came of it, and where that is written.
struct RuleTestFailure: Error, Equatable {
    var location: SourceLocation
    var text: String
    /// The correlation rules whose firings are missing, by id.
    var missedRules: [String] = []

    init(_ location: SourceLocation, _ text: String, missedRules: [String] = []) {
        self.location = location
        self.text = text
        self.missedRules = missedRules
    }
}

/// How all tests went, in the forms that people and tools read.
public struct RuleTestResults: Sendable {
    let results: [RuleTestResult]

    /// Tests that passed.
    public var passedCount: Int { results.count { $0.failures.isEmpty } }
    /// Tests that failed.
    public var failedCount: Int { results.count - passedCount }

    /// Test Anything Protocol, version 14.
    public var tap: String {
        var text = "TAP version 14\n1..\(results.count)\n"
        for (index, result) in results.enumerated() {
            let word = result.failures.isEmpty ? "ok" : "not ok"
            let name = result.test.name.replacing("#", with: "\\#")
            text += "\(word) \(index + 1) - \(result.test.location.path): \(name)\n"
            for failure in result.failures {
                text += "  # \(failure.location): \(failure.text)\n"
            }
        }
        return text
    }

    /// JUnit XML, as most continuous integration reads it.
    public var junit: String {
        var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        text +=
            "<testsuite name=\"cairn\" tests=\"\(results.count)\" failures=\"\(failedCount)\">\n"
        for result in results {
            let path = Self.escaped(result.test.location.path)
            text += "  <testcase classname=\"\(path)\" name=\"\(Self.escaped(result.test.name))\""
            text += " file=\"\(path)\" line=\"\(result.test.location.line)\""
            if result.failures.isEmpty {
                text += "/>\n"
            } else {
                let message = Self.escaped(
                    result.failures.map(\.text).joined(separator: "\n"))
                text += ">\n    <failure message=\"\(message)\"/>\n  </testcase>\n"
            }
        }
        return text + "</testsuite>\n"
    }

    /// Annotations of GitHub's workflow commands, for failures only.
    public var github: String {
        results.flatMap { result in
            result.failures.map { failure in
                "::error file=\(failure.location.path),line=\(failure.location.line),"
                    + "title=\(Self.commandEscaped(result.test.name))::\(Self.commandEscaped(failure.text))\n"
            }
        }.joined()
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;").replacing("\n", with: "&#10;")
    }

    private static func commandEscaped(_ text: String) -> String {
        text.replacing("%", with: "%25").replacing("\r", with: "%0D").replacing("\n", with: "%0A")
    }
}
