/// A test that a rule file carries: traffic or alerts, and what must come of them.
struct RuleTest: Sendable {
    var name: String
    var location: SourceLocation
    /// Rules that are loaded, by id or name; empty for all of the same file.
    var rules: [String] = []
    /// Files and folders that are loaded besides, relative to the test's file.
    var load: [String] = []
    /// Settings that are changed for this test, checked.
    var settings: [(name: String, value: String)] = []
    var traffic: [TestTraffic] = []
    /// Alerts that the correlation gets besides those that the traffic makes.
    var alertsIn: [TestAlertsIn] = []
    /// nil: not looked at.
    var alerts: AlertExpectation?
    var firings: CountedExpectation?
    var incidents: CountedExpectation?
    /// Lists of what is expected need not name everything that comes.
    var allowsMore = false
}

/// When tests happen: 2026-01-01T00:00:00Z.
let testStart = Timestamp(nanoseconds: 1_767_225_600 * nanosecondsPerSecond)

/// What alerts a test wants.
enum AlertExpectation: Sendable {
    /// This many, of all loaded rules.
    case count(Int, location: SourceLocation)
    /// Whatever comes.
    case any
    case list([RecordExpectation], location: SourceLocation)
}

/// What firings or incidents a test wants: so many of each.
enum CountedExpectation: Sendable {
    /// This many, whatever they say.
    case count(Int, location: SourceLocation)
    case list([RecordExpectation], location: SourceLocation)
}

/// What a record must say.
struct RecordExpectation: Sendable {
    var location: SourceLocation
    /// Alerts and firings: the rule's id or name.
    var rule: String?
    /// How many such records; nil: one or more for alerts, one for firings and incidents.
    var count: Int?
    /// The record's time, after the start of the test.
    var atNanoseconds: Int64?
    /// Other members by dotted name, with the text of their values in order.
    var members: [(name: String, values: [String])] = []
}

/// Traffic between two hosts, or frames as they are.
struct TestTraffic: Sendable {
    var location: SourceLocation
    /// When it begins, after the start of the test; nil: behind what was written before.
    var atNanoseconds: Int64?
    /// How often it happens, and how long after each other the beginnings are. `{n}` in text is the
    /// number, from 0.
    var repeatCount = 1
    var repeatNanoseconds: Int64 = 0
    var content: Content

    enum Content: Sendable {
        case conversation(TestConversation)
        /// ICMP or ICMPv6 echo.
        case echo(TestEcho)
        /// Raw frames, one after the other.
        case frames([[UInt8]])
        /// A capture file, relative to the test's file.
        case capture(String)
    }
}

/// Bytes that two ends exchange over TCP or UDP.
struct TestConversation: Sendable {
    enum Ending: String, CaseIterable, Sendable {
        case fin, reset, open
        /// The server answers the first packet with a reset, or not at all.
        case refused, unanswered
    }

    var isTCP: Bool
    var client: TestEndpoint
    var server: TestEndpoint
    var ending = Ending.fin
    var turns: [TestTurn] = []
}

/// One end, or each of many: every address with every port.
struct TestEndpoint: Equatable, Sendable {
    var addresses: ClosedRange<IPAddress>
    var ports: ClosedRange<UInt16>
}

/// What one side says, or an exchange that is built from its fields.
enum TestTurn: Sendable {
    case bytes(Direction, [UInt8])
    case dns(TestDNS)
    case http(TestHTTP)
    case tls(TestTLS)
}

/// ICMP echo requests with their replies.
struct TestEcho: Sendable {
    var client: IPAddress
    var server: IPAddress
    var payload: [UInt8]
    var isAnswered = true
}

/// A DNS question and what is answered.
struct TestDNS: Equatable, Sendable {
    var query: String
    var type = "A"
    var answers: [String] = []
    var responseCode: UInt16 = 0
    var timeToLive: UInt32 = 300
    var isAnswered = true
}

/// An HTTP request with its response.
struct TestHTTP: Sendable {
    var method = "GET"
    var uri = "/"
    var host: String?
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []
    /// nil: no response.
    var status: Int?
    var reason: String?
    var responseHeaders: [(name: String, value: String)] = []
    var responseBody: [UInt8] = []
}

/// The clear part of a TLS handshake.
struct TestTLS: Sendable {
    var serverName: String?
    var applicationProtocols: [String] = []
    /// 0x0301...0x0304.
    var version: UInt16 = 0x0303
    var ciphers: [UInt16] = []
    /// Names of the server's certificate; without a subject there is no certificate.
    var subject: String?
    var issuer: String?
    var serial: [UInt8]?
    /// UTCTime text, `260101000000Z`.
    var notBefore: String?
    var notAfter: String?
}
