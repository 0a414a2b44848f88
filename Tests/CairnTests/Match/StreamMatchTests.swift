import Testing

@testable import Cairn

@Suite struct StreamMatchTests {
    private static func rule(_ predicate: Predicate, _ flow: [FlowCondition] = []) -> DetectionRule
    {
        rule(.test(Probe.payload, predicate), flow)
    }

    private static func rule(_ condition: Condition, _ flow: [FlowCondition] = []) -> DetectionRule
    {
        var rule = Probe.rule(condition, subject: Probe.stream)
        rule.traffic.flow = flow
        return rule
    }

    /// A direction of a TCP stream, fed in pieces.
    private final class Stream {
        let matcher: Matcher
        let flow = TestFlow(.tcp, "10.0.0.1:4000", "192.0.2.1:80")
        /// What the flow speaks.
        var applicationProtocol: ProtocolDefinition?
        private var offset: UInt64 = 0
        private let direction: Direction

        init(
            _ rules: [DetectionRule], direction: Direction = .toServer,
            settings: MatchSettings = MatchSettings()
        ) {
            matcher = Matcher(Probe.compiled(rules, settings: settings))
            self.direction = direction
        }

        deinit { matcher.release(flow.pointer) }

        /// The rules that fire on a piece.
        func feed(_ bytes: [UInt8]) -> [Int] {
            bytes.withUnsafeBytes { bytes in
                inspect(
                    StreamChunk(kind: .data, direction: direction, offset: offset, bytes: bytes))
            }
        }

        func feed(_ text: String) -> [Int] { feed(Array(text.utf8)) }

        func gap(_ byteCount: UInt64) -> [Int] {
            let none = UnsafeRawBufferPointer(start: nil, count: 0)
            return inspect(
                StreamChunk(
                    kind: .gap, direction: direction, offset: offset, bytes: none,
                    gapByteCount: byteCount))
        }

        func end() -> [Int] {
            let none = UnsafeRawBufferPointer(start: nil, count: 0)
            return inspect(
                StreamChunk(kind: .end, direction: direction, offset: offset, bytes: none))
        }

        private func inspect(_ chunk: StreamChunk) -> [Int] {
            offset += UInt64(chunk.bytes.count) + chunk.gapByteCount
            var place = flow.place
            place.applicationProtocol = applicationProtocol
            matcher.inspect(chunk, place)
            return matcher.drainRules()
        }
    }

    @Test func `what stands in two pieces is found with the second`() {
        let stream = Stream([
            Self.rule(.contains("needle")),
            Self.rule(.sequence([.content("nee"), .content("hay", within: 8)])),
        ])
        #expect(stream.feed("a nee") == [])
        #expect(stream.feed("dle in") == [0])
        #expect(stream.feed(" hay") == [])
        #expect(stream.feed("needlehay") == [1])
        #expect(stream.feed("needlehay") == [])
    }

    @Test func `a rule of the start holds however the start is cut`() {
        let rules = [
            Self.rule(
                .sequence([.content("ab", offset: 4, depth: 2), .content("cdef", within: 40)])),
            Self.rule(.regex(#"\Axxxx.{0,20}cdef"#)),
            Self.rule(.text("xxxxab*")),
        ]
        let text = Array("xxxxab0123456789cdef".utf8) + [UInt8](repeating: 0x20, count: 9000)
        for size in [1, 3, 7, 20, 500, 9020] {
            let stream = Stream(rules)
            var fired: [Int] = []
            for start in stride(from: 0, to: text.count, by: size) {
                fired += stream.feed(Array(text[start..<min(text.count, start + size)]))
            }
            #expect(fired.sorted() == [0, 1, 2])
            #expect(stream.feed("xxxxab0123456789cdef") == [])
        }
    }

    @Test func `behind the start other rules are looked for as before`() {
        let stream = Stream([Self.rule(.text("head*")), Self.rule(.contains("needle"))])
        #expect(stream.feed("head") == [0])
        #expect(stream.feed([UInt8](repeating: 0x20, count: 20_000)) == [])
        #expect(stream.feed("nee") == [])
        #expect(stream.feed("dle") == [1])
    }

    @Test func `a rule for flows of no known protocol holds when the protocol is given up`() {
        let unknown = Condition.test(Probe.common(.applicationProtocol), .exists(false))
        let stream = Stream([Self.rule(.all([.test(Probe.payload, .contains("whoami")), unknown]))])
        stream.applicationProtocol = Probe.definition
        #expect(stream.feed("whoami") == [])
        stream.applicationProtocol = nil
        #expect(stream.feed("echo; who") == [])
        #expect(stream.feed("ami") == [0])
    }

    @Test func `what follows the literal may come later`() {
        let stream = Stream([
            Self.rule(.sequence([.content("command="), .content("x", distance: 0)]))
        ])
        #expect(stream.feed("command=") == [])
        #expect(stream.feed("aaa") == [])
        #expect(stream.feed("aax") == [0])
    }

    @Test func `tests of several pieces add up`() {
        let stream = Stream(
            [
                Self.rule(
                    .all([
                        .test(Probe.payload, .contains("first")),
                        .test(Probe.payload, .contains("second")),
                    ])),
                Self.rule(
                    .all([
                        .test(Probe.payload, .contains("first")),
                        .not(.test(Probe.payload, .contains("second"))),
                    ])),
                Self.rule(
                    .all([
                        .test(Probe.payload, .contains("first")),
                        .not(.test(Probe.payload, .contains("third"))),
                    ])),
            ], settings: MatchSettings(streamWindowByteCount: 64))
        #expect(stream.feed("the first") == [])
        for _ in 0..<10 { #expect(stream.feed(String(repeating: "-", count: 60)) == []) }
        #expect(stream.feed("the second") == [0])
        for _ in 0..<10 { #expect(stream.feed(String(repeating: "-", count: 60)) == []) }
        #expect(stream.end() == [2])
    }

    @Test func `the whole of a stream is known at its end`() {
        let stream = Stream([
            Self.rule(.text("abcdef")), Self.rule(.text("*def")), Self.rule(.text("abc*")),
            Self.rule(.text("abc")),
        ])
        #expect(stream.feed("abc") == [2])
        #expect(stream.feed("def") == [])
        #expect(stream.end() == [0, 1])
    }

    @Test func `offsets count from the start of the stream`() {
        let settings = MatchSettings(streamWindowByteCount: 64)
        let rules = [
            Self.rule(.sequence([.content("needle", offset: 200, depth: 20)])),
            Self.rule(.sequence([.content("needle", depth: 100)])),
            Self.rule(.sequence([.content("needle", startsWith: true)])),
            Self.rule(.regex("^needle")),
        ]
        let stream = Stream(rules, settings: settings)
        for _ in 0..<4 { #expect(stream.feed(String(repeating: "-", count: 52)) == []) }
        #expect(stream.feed("needle") == [0])
        let early = Stream(rules, settings: settings)
        #expect(early.feed("needle") == [1, 2, 3])
    }

    @Test func `nothing reaches over a gap`() {
        let stream = Stream([
            Self.rule(.contains("needle")), Self.rule(.sequence([.content("le", offset: 105)])),
        ])
        #expect(stream.feed("nee") == [])
        #expect(stream.gap(100) == [])
        #expect(stream.feed("dle") == [])
        #expect(stream.feed("le") == [1])
    }

    @Test func `rules of one direction do not see the other`() {
        let rules = [
            Self.rule(.contains("needle"), [.to_server]),
            Self.rule(.contains("needle"), [.to_client]),
            Self.rule(.contains("needle")), Self.rule(.contains("needle"), [.no_stream]),
        ]
        #expect(Stream(rules).feed("needle") == [0, 2])
        #expect(Stream(rules, direction: .toClient).feed("needle") == [1, 2])
    }

    @Test func `only flows that rules let pass are looked at`() {
        var rule = Self.rule(.contains("needle"))
        rule.traffic.destination.ports.included = [443...443]
        #expect(Stream([rule]).feed("needle") == [])
        rule.traffic.destination.ports.included = [80...81]
        #expect(Stream([rule]).feed("needle") == [0])
        rule.traffic.isBothWays = true
        #expect(Stream([rule], direction: .toClient).feed("needle") == [0])
    }

    @Test func `rules without a literal are asked about every piece`() {
        let stream = Stream([Self.rule(.sequence([.isDataAt(9)])), Self.rule(.regex("a.c"))])
        #expect(stream.feed("12345") == [])
        #expect(stream.feed("abcde") == [0, 1])
    }

    @Test func `rules that wait are bounded`() {
        let rules = (0..<10).map {
            Self.rule(.sequence([.content("needle"), .content("x\($0)", distance: 0)]))
        }
        let stream = Stream(rules, settings: MatchSettings(pendingRuleCountMax: 4))
        #expect(stream.feed("needle") == [])
        #expect(stream.feed((0..<10).map { "x\($0)" }.joined()) == [0, 1, 2, 3])
        var counters = Counters()
        stream.matcher.report(into: &counters)
        #expect(counters["detect.pending_limit"] == 6)
    }

    @Test func `without memory for windows each piece is looked at by itself`() {
        let stream = Stream(
            [Self.rule(.contains("needle"))], settings: MatchSettings(streamMemoryByteCountMax: 0))
        #expect(stream.feed("nee") == [])
        #expect(stream.feed("dle") == [])
        #expect(stream.feed("a needle") == [0])
        var counters = Counters()
        stream.matcher.report(into: &counters)
        #expect(counters["detect.stream_memcap"] == 3)
    }

    @Test func `datagrams stand alone`() {
        let matcher = Matcher(
            Probe.compiled([
                Self.rule(.contains("needle")), Self.rule(.text("needle")),
                Self.rule(.contains("hay"), [.to_client]),
            ]))
        let flow = TestFlow(.udp, "10.0.0.1:4000", "192.0.2.1:53")
        func fired(_ text: String, _ direction: Direction = .toServer) -> [Int] {
            Array(text.utf8).withUnsafeBytes {
                matcher.inspect(datagram: $0, direction, flow.place)
            }
            return matcher.drainRules()
        }
        #expect(fired("nee") == [])
        #expect(fired("dle") == [])
        #expect(fired("needle") == [0, 1])
        #expect(fired("needle hay") == [0])
        #expect(fired("hay", .toClient) == [2])
    }

    @Test func `a slot is as new for the next flow`() {
        let matcher = Matcher(Probe.compiled([Self.rule(.contains("needle"))]))
        for _ in 0..<3 {
            let flow = TestFlow(.tcp, "10.0.0.1:4000", "192.0.2.1:80")
            for text in ["nee", "dle", "needle"] {
                Array(text.utf8).withUnsafeBytes {
                    matcher.inspect(
                        StreamChunk(kind: .data, direction: .toServer, offset: 0, bytes: $0),
                        flow.place)
                }
            }
            #expect(matcher.drainRules() == [0])
            matcher.release(flow.pointer)
            #expect(flow.pointer.pointee.matchState == -1)
        }
    }

    /// A rule out of contents that may stand anywhere within the window.
    private static func randomRule(_ random: inout SeededGenerator) -> DetectionRule {
        let words = ["alpha", "beta", "gamma", "ab", "b"]
        switch random.below(5) {
        case 0: return rule(.contains(random.element(of: words)))
        case 1: return rule(.regex(random.element(of: ["al.ha", "ga+mma?", "b[aet]+"])))
        case 2:
            return rule(
                .all([
                    .test(Probe.payload, .contains(random.element(of: words))),
                    .test(Probe.payload, .contains(random.element(of: words))),
                ]))
        case 3:
            return rule(
                .all([
                    .test(Probe.payload, .contains(random.element(of: words))),
                    .not(.test(Probe.payload, .contains(random.element(of: words)))),
                ]))
        default:
            return rule(
                .sequence([
                    .content(random.element(of: words), offset: random.oneIn(2) ? 3 : nil),
                    .content(
                        random.element(of: words), distance: Int64(random.below(5)),
                        within: random.oneIn(2) ? 20 : nil),
                ]))
        }
    }

    @Test func `any segmentation gives what the whole gives`() {
        var random = SeededGenerator(seed: 23)
        for _ in 0..<60 {
            let rules = (0..<8).map { _ in Self.randomRule(&random) }
            let text = (0..<30).flatMap { _ in
                Array(random.element(of: ["alpha", "bet", "a", "gamma", "--", "lpha"]).utf8)
            }
            let whole = Stream(rules)
            let expected = Set(whole.feed(text) + whole.end())
            for step in [1, 7, 40] {
                let stream = Stream(rules)
                var fired: [Int] = []
                var rest = text[...]
                while !rest.isEmpty {
                    let count = min(rest.count, 1 + random.below(step))
                    fired += stream.feed(Array(rest.prefix(count)))
                    rest = rest.dropFirst(count)
                }
                fired += stream.end()
                #expect(Set(fired) == expected)
                #expect(fired.count == expected.count)
            }
        }
    }
}
