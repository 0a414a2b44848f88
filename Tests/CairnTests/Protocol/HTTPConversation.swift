import Testing

@testable import Cairn

/// What client and server say to each other, and what Cairn should make of it.
struct HTTPConversation: CustomTestStringConvertible, Sendable {
    enum Step: Sendable {
        case client([UInt8])
        case server([UInt8])
        case clientGap(UInt64)
        case serverGap(UInt64)
    }

    var testDescription: String
    var steps: [Step]
    /// For each transaction the fields that matter; a field expected as [] must be absent.
    var transactions: [[String: [String]]]
    /// The same for files.
    var files: [[String: [String]]]?
    var anomalies: [String] = []
    var limits = ProtocolLimits()
    /// Without libmagic, whose database takes its time to load.
    var fileNeeds: FileNeeds = [.files, .data, .hashes]

    init(
        _ name: String, _ steps: [Step], _ transactions: [[String: [String]]],
        files: [[String: [String]]]? = nil, anomalies: [String] = [],
        limits: ProtocolLimits = ProtocolLimits()
    ) {
        testDescription = name
        self.steps = steps
        self.transactions = transactions
        self.files = files
        self.anomalies = anomalies
        self.limits = limits
    }

    /// What came of a conversation.
    struct Outcome: Equatable, Sendable {
        var transactions: [[String: [String]]]
        var files: [[String: [String]]]
        var anomalies: [String]
    }

    /// Runs it with each message cut into pieces whose sizes `next` chooses.
    func run(port: UInt16 = 80, pieces next: () -> Int) -> Outcome {
        let harness = ParserHarness(serverPort: port, limits: limits, fileNeeds: fileNeeds)
        for step in steps {
            switch step {
            case .client(let bytes): harness.send([(bytes, .toServer)], pieces: next)
            case .server(let bytes): harness.send([(bytes, .toClient)], pieces: next)
            case .clientGap(let count): harness.sendGap(count, .toServer)
            case .serverGap(let count): harness.sendGap(count, .toClient)
            }
        }
        harness.finish()
        let (files, transactions) = harness.transactions.partitioned { $0["file.state"] != nil }
        return Outcome(
            transactions: transactions, files: files, anomalies: harness.anomalies)
    }

    func run() -> Outcome { run { .max } }

    /// Compares the fields that matter.
    func check(_ outcome: Outcome, sourceLocation: Testing.SourceLocation = #_sourceLocation) {
        compare(outcome.transactions, transactions, sourceLocation)
        if let files { compare(outcome.files, files, sourceLocation) }
        #expect(outcome.anomalies == anomalies, sourceLocation: sourceLocation)
    }

    private func compare(
        _ found: [[String: [String]]], _ expected: [[String: [String]]],
        _ sourceLocation: Testing.SourceLocation
    ) {
        #expect(found.count == expected.count, "\(found)", sourceLocation: sourceLocation)
        for (index, pair) in zip(found, expected).enumerated() {
            for (field, values) in pair.1 {
                #expect(
                    pair.0[field, default: []] == values, "\(field) of number \(index)",
                    sourceLocation: sourceLocation)
            }
        }
    }
}

extension Array {
    /// The elements for which something holds, and the others.
    fileprivate func partitioned(by holds: (Element) -> Bool) -> (matching: Self, others: Self) {
        (filter(holds), filter { !holds($0) })
    }
}

extension HTTPConversation.Step {
    static func client(_ text: String) -> Self { .client(Array(text.utf8)) }
    static func server(_ text: String) -> Self { .server(Array(text.utf8)) }
}
