import Testing

@testable import Cairn

@Suite struct TransactionMatchTests {
    private static let words = [
        "GET", "/etc/passwd", "x.evil.example", "evil.example", "Cmd.exe /c whoami", "200",
        "10.1.2.3",
        "passwd", "a b c", "EVIL.EXAMPLE", "", "abcdefghabcdefgh", "/ETC/Passwd?x=1",
    ]

    private static func randomText(_ random: inout SeededGenerator) -> [UInt8] {
        var text = Array(random.element(of: words).utf8)
        if random.oneIn(3) { text += Array(random.element(of: words).utf8) }
        return text
    }

    // MARK: Random rules

    private static func predicate(
        _ random: inout SeededGenerator, _ field: Probe.Field?
    ) -> Predicate {
        switch random.below(12) {
        case 0: return .isAbsent
        case 1: return .exists(random.oneIn(2))
        case 2:
            return .number(
                random.element(of: [.equal, .less, .greaterOrEqual, .notEqual]),
                random.element(of: [0, 1, 200, 404]))
        case 3:
            return IPNetwork(random.element(of: ["10.0.0.0/8", "10.1.2.3"])).map { .network($0) }
                ?? .isAbsent
        case 4:
            return .fieldReference(
                random.element(of: Probe.Field.allCases).id,
                random.element(of: [.whole, .prefix, .suffix, .anywhere]), isCased: random.oneIn(2))
        case 5:
            return .regex(
                random.element(of: ["evil", "p.sswd$", "^/etc/", "[0-9]{3}", "(cmd|EVIL)"]))
        case 6:
            return .sequence([
                .content(random.element(of: words.filter { !$0.isEmpty }), nocase: random.oneIn(2)),
                .isDataAt(1, relative: true, not: random.oneIn(2)),
            ])
        case 7...8:
            return .text(random.element(of: words), isCased: random.oneIn(3))
        case 9: return .text(random.element(of: words) + "*", isCased: random.oneIn(3))
        default:
            return .contains(
                random.element(of: ["evil", "passwd", "whoami", "?assw", "a*c", "e"]),
                isCased: random.oneIn(3))
        }
    }

    private static func condition(_ random: inout SeededGenerator, depth: Int) -> Condition {
        if depth == 0 || random.oneIn(3) {
            let field = random.oneIn(8) ? nil : random.element(of: Probe.Field.allCases)
            let predicate = predicate(&random, field)
            switch predicate {
            case .isAbsent, .exists, .number, .network, .fieldReference:
                return .test((field ?? .line).id, predicate)
            default: break
            }
            let transforms: [Transform] =
                random.oneIn(5)
                ? [random.element(of: [.toLowercase, .dotprefix, .stripWhitespace, .xor([1])])] : []
            if field == nil, random.oneIn(2) { return .test(nil, .contains("evil")) }
            return .test(field?.id, predicate, transforms)
        }
        let parts = (0..<random.below(4)).map { _ in condition(&random, depth: depth - 1) }
        switch random.below(3) {
        case 0: return .all(parts)
        case 1: return .any(parts)
        default: return .not(condition(&random, depth: depth - 1))
        }
    }

    // MARK: Random events

    private static func randomValue(
        _ random: inout SeededGenerator, _ field: Probe.Field
    ) -> NaiveEvaluator.Value {
        switch field.definition.type {
        case .integer: .number(random.element(of: [0, 1, 200, 404]))
        case .bool: .number(Int64(random.below(2)))
        case .ip: .address(IPAddress(v4: random.element(of: [0x0a01_0203, 0xc0a8_0001])))
        case .text, .bytes: .bytes(randomText(&random))
        }
    }

    /// Puts a value into both the store and what the naive evaluator sees.
    private static func add(
        _ value: NaiveEvaluator.Value, to field: Probe.Field, _ transaction: Transaction,
        _ naive: inout NaiveEvaluator
    ) {
        naive.values[field, default: []].append(value)
        let index = Int(field.rawValue)
        switch value {
        case .number(let number): transaction.fields.append(number, to: index)
        case .address(let address): transaction.fields.append(address, to: index)
        case .bytes(let bytes):
            bytes.withUnsafeBytes { transaction.fields.append($0, to: index) }
        }
    }

    @Test func `random rules fire when a naive evaluation is certain`() {
        var random = SeededGenerator(seed: 17)
        var firedCount = 0
        for _ in 0..<40 {
            let rules = (0..<25).map {
                Probe.rule(Self.condition(&random, depth: 3), id: "\($0)")
            }
            let compiled = Probe.compiled(rules)
            #expect(compiled.diagnostics.isEmpty)
            let matcher = Matcher(compiled)
            for _ in 0..<4 { firedCount += Self.play(&random, rules, matcher) }
        }
        #expect((500...4_000).contains(firedCount), "\(firedCount)")
    }

    /// Lets one transaction come to its end in random steps and compares after each.
    private static func play(
        _ random: inout SeededGenerator, _ rules: [DetectionRule], _ matcher: Matcher
    ) -> Int {
        let maker = PacketMaker()
        var packet = maker.udp("10.1.2.3:4000", "192.0.2.1:80")
        let transaction = Transaction(Probe.definition)
        var naive = NaiveEvaluator(client: (packet.sourceAddress, packet.sourcePort))
        var fired: Set<Int> = []
        while transaction.toServer != .complete || transaction.toClient != .complete {
            let direction: Direction = random.oneIn(2) ? .toServer : .toClient
            let old = transaction.progress(direction)
            guard let new = Progress(rawValue: old.rawValue + 1 + UInt8(random.below(3))) else {
                continue
            }
            for field in Probe.Field.allCases where random.oneIn(2) {
                let definition = field.definition
                guard definition.direction ?? direction == direction,
                    old < definition.available, definition.available <= new
                else { continue }
                let isFirst = naive.values[field] == nil
                for _ in 0..<(definition.isList ? 1 + random.below(3) : isFirst ? 1 : 0) {
                    add(randomValue(&random, field), to: field, transaction, &naive)
                }
            }
            if direction == .toServer {
                transaction.toServer = new
            } else {
                transaction.toClient = new
            }
            naive.toServer = transaction.toServer
            naive.toClient = transaction.toClient
            withUnsafePointer(to: &packet) { packet in
                matcher.inspect(
                    transaction, CommonFields.Context(packet: packet, direction: direction))
            }
            var now: Set<Int> = []
            matcher.drain { now.formUnion($0.map(\.alert.rule)) }
            let expected = rules.indices.filter {
                !fired.contains($0) && naive.isCertain(rules[$0].condition)
            }
            #expect(
                now.sorted() == expected,
                "\(rules.indices.filter { now.contains($0) != expected.contains($0) }.map { rules[$0].condition }) on \(naive.values)"
            )
            fired.formUnion(now)
        }
        return fired.count
    }

    // MARK: Single rules

    /// Plays steps of (values, progress) and gives for each step the rules that fired.
    private func play(
        _ rules: [DetectionRule],
        _ steps: [(values: [(Probe.Field, String)], Direction, Progress)],
        settings: MatchSettings = MatchSettings()
    ) -> [[Int]] {
        let matcher = Matcher(Probe.compiled(rules, settings: settings))
        var packet = PacketMaker().udp("10.0.0.1:4000", "192.0.2.1:80")
        let transaction = Transaction(Probe.definition)
        return steps.map { step in
            for (field, text) in step.values {
                transaction.fields.append(text, to: Int(field.rawValue))
            }
            if step.1 == .toServer {
                transaction.toServer = step.2
            } else {
                transaction.toClient = step.2
            }
            withUnsafePointer(to: &packet) { packet in
                matcher.inspect(transaction, CommonFields.Context(packet: packet))
            }
            var fired: [Int] = []
            matcher.drain { fired += $0.map(\.alert.rule) }
            return fired
        }
    }

    @Test func `a rule fires as soon as it is certain, and once`() {
        let request = Condition.test(.headers, .contains("evil"))
        let response = Condition.test(.answer, .contains("shell"))
        let rules = [
            Probe.rule(request), Probe.rule(.all([request, response])),
            Probe.rule(.any([request, response])),
            Probe.rule(.all([request, .not(response)])),
            Probe.rule(.all([request, .not(.test(.line, .contains("GET")))])),
        ]
        let fired = play(
            rules,
            [
                ([(.line, "PUT /")], .toServer, .line),
                ([(.headers, "x: evil")], .toServer, .headers),
                ([], .toServer, .complete), ([], .toClient, .line),
                ([(.answer, "a shell")], .toClient, .complete),
            ])
        #expect(fired == [[], [0, 2], [], [], [1, 4]])
    }

    @Test func `a rule about one direction does not wait for the other`() {
        var rule = Probe.rule(
            .all([.test(.headers, .contains("evil")), .not(.test(.line, .contains("GET")))]))
        rule.traffic.flow = [.to_server]
        let fired = play(
            [rule],
            [([(.line, "PUT /")], .toServer, .line), ([(.headers, "evil")], .toServer, .headers)])
        #expect(fired == [[], [0]])
    }

    @Test func `values of a list may hold on different elements`() {
        let rules = [
            Probe.rule(
                .all([.test(.headers, .contains("alpha")), .test(.headers, .contains("omega"))])),
            Probe.rule(
                .test(.headers, .sequence([.content("alpha"), .content("omega", distance: 0)]))),
        ]
        let steps: [(values: [(Probe.Field, String)], Direction, Progress)] = [
            ([(.headers, "alpha"), (.headers, "omega")], .toServer, .headers)
        ]
        #expect(play(rules, steps) == [[0]])
    }

    @Test(arguments: [(-1, true), (0, false), (1, false)])
    func `a time lies before that of the event or not`(seconds: Int64, isPast: Bool) {
        let rules = [true, false].map { Probe.rule(.test(.status, .past($0))) }
        let matcher = Matcher(Probe.compiled(rules))
        let transaction = Transaction(Probe.definition)
        var place = CommonFields.Context()
        place.timestamp = Timestamp(nanoseconds: 1_700_000_000_900_000_000)
        transaction.fields.append(1_700_000_000 + seconds, to: Int(Probe.Field.status.rawValue))
        transaction.toClient = .complete
        matcher.inspect(transaction, place)
        #expect(matcher.drainRules() == [isPast ? 0 : 1])
    }

    @Test func `what matched is reported with its place`() {
        let rule = Probe.rule(
            .all([
                .test(.line, .sequence([.content("ab"), .content("cd", distance: 0)])),
                .test(.headers, .regex("x+y")),
            ]))
        let matcher = Matcher(Probe.compiled([rule]))
        let transaction = Transaction(Probe.definition)
        transaction.fields.append("..ab.cd", to: Int(Probe.Field.line.rawValue))
        transaction.fields.append("no", to: Int(Probe.Field.headers.rawValue))
        transaction.fields.append("axxxy", to: Int(Probe.Field.headers.rawValue))
        transaction.toServer = .headers
        matcher.inspect(transaction, CommonFields.Context())
        var excerpt = Alert.Excerpt()
        matcher.drain { excerpt = $0.last?.alert.excerpt ?? excerpt }
        #expect(
            String(decoding: excerpt.json[excerpt.eventEnd...], as: UTF8.self)
                == #""fields":{},"matches":["#
                + #"{"field":"probe.line","offset":2,"length":2,"text":"ab"},"#
                + #"{"field":"probe.line","offset":5,"length":2,"text":"cd"},"#
                + #"{"field":"probe.headers","offset":1,"length":4,"text":"xxxy"}]"#)
    }

    @Test func `an alert carries what others ask of it`() throws {
        var rule = Probe.rule(.test(.line, .contains("evil")))
        rule.actor = Probe.common(.serverAddress)
        rule.victim = Probe.Field.address.id
        let fields = [
            Probe.Field.names.id, Probe.Field.status.id, Probe.common(.clientAddress),
            Probe.Field.line.id,
        ]
        let matcher = Matcher(Probe.compiled([rule], carriedFields: [fields]))
        let flow = TestFlow(.udp, "10.0.0.1:4000", "192.0.2.1:80")
        var packet = PacketMaker().udp("10.0.0.1:4000", "192.0.2.1:80")
        let transaction = Transaction(Probe.definition)
        transaction.id = 7
        transaction.fields.append("evil", to: Int(Probe.Field.line.rawValue))
        transaction.fields.append("a", to: Int(Probe.Field.names.rawValue))
        transaction.fields.append("b", to: Int(Probe.Field.names.rawValue))
        transaction.fields.append(IPAddress(v4: 0x0a00_0002), to: Int(Probe.Field.address.rawValue))
        transaction.toServer = .complete
        var alert: Alert?
        withUnsafePointer(to: &packet) { packet in
            matcher.inspect(
                transaction,
                CommonFields.Context(
                    packet: packet, flow: flow.pointer, direction: .toServer,
                    timestamp: packet.pointee.timestamp,
                    spoken: .passUnretained(Probe.definition)))
            matcher.drain { alert = $0.first?.alert }
        }
        let found = try #require(alert)
        #expect(found.actor == IPAddress("192.0.2.1").map { .address($0) })
        #expect(found.victim == IPAddress("10.0.0.2").map { .address($0) })
        #expect(
            found.fields.map(\.field) == [
                Probe.common(.clientAddress), Probe.Field.line.id, Probe.Field.names.id,
            ])
        #expect(
            found.fields.map(\.value) == [
                .address(IPAddress(v4: 0x0a00_0001)), .text(Array("evil".utf8)),
                .list([.text([97]), .text([98])]),
            ])
        #expect(found.frameNumber == 1)
        #expect(found.transactionID == 7)
        #expect(found.direction == .toServer)
        #expect(found.applicationProtocol == "probe")
        #expect(found.client == IPAddress(v4: 0x0a00_0001))
        #expect(found.sourcePort == 4000)
    }
}
