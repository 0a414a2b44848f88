/// Reads one line of an alert file: an alert in registry names, an alert of Suricata's or Cairn's
/// `eve.json`, or a tick of the clock (CORRELATION.md §2, §4).
///
/// All that runs for a line is `mutating`: for other functions the compiler (6.3) copies the parser.
struct AlertLineParser: ~Copyable {
    /// What a line was.
    enum Line: Equatable {
        /// An alert, now in `alert`.
        case alert
        /// `{"clock": TIME}`: time passed.
        case clock(Timestamp)
        /// A record of another kind.
        case other
        /// Nothing that could be an alert.
        case broken(Fault)
    }

    /// What is wrong with a line.
    enum Fault: String {
        case notAnObject = "is no JSON object"
        case noTime = "has no time as 2026-01-02T03:04:05.123456Z"
        case tooLong = "is longer than 16 MiB"
    }

    /// Where one carried field may be.
    struct Source {
        /// The path as one key, and as a path of keys.
        var literal: Int
        var nested: Int
        /// In EVE records, in order of preference: places in `evePaths`.
        var eveStart: Int
        var eveEnd: Int
        /// Of the flow's ends: 0 its client, 1 its server, else -1.
        var end = -1
        var isPort = false
    }

    /// The last alert.
    private(set) var alert: CorrelationAlert
    private var tree = JSONPathTree()
    private var sources = PlainList<Source>()
    private var evePaths = PlainList<Int>()
    private let labels: AlertLabels
    private var times = TimeParser()
    /// Values by path, with the line in which they were stored, so that one text is stored once.
    private var stored = PlainList<(line: Int, value: CorrelationAlert.Value)>()
    private var lineCount = 0
    /// Whether the last line was an EVE record.
    private var isEVE = false

    private let time, clock, kind, rule, packet, flowID, actor, victim: Int
    private let sourceIP, destinationIP: Source
    private let eventType, timestamp, eveAlert, direction, packetCount: Int
    private let sourceAddress, destinationAddress, sourcePort, destinationPort: Int
    private let cairnTime, cairnRule, cairnLevel, cairnTags, cairnActor, cairnVictim: Int

    init(fieldNames: [String], catalog: RuleCatalog) {
        alert = CorrelationAlert(fieldCount: fieldNames.count)
        labels = AlertLabels(catalog: catalog)
        time = tree.add(["time"])
        clock = tree.add(["clock"])
        kind = tree.add(["kind"])
        rule = tree.add(["rule"])
        packet = tree.add(["packet"])
        flowID = tree.add(["flow_id"])
        actor = tree.add(["actor"])
        victim = tree.add(["victim"])
        eventType = tree.add(["event_type"])
        timestamp = tree.add(["timestamp"])
        eveAlert = tree.add(["alert"], recurs: true)
        direction = tree.add(["direction"])
        packetCount = tree.add(["pcap_cnt"])
        sourceAddress = tree.add(["src_ip"])
        destinationAddress = tree.add(["dest_ip"])
        sourcePort = tree.add(["src_port"])
        destinationPort = tree.add(["dest_port"])
        cairnTime = tree.add(["cairn", "time"])
        cairnRule = tree.add(["cairn", "rule"])
        cairnLevel = tree.add(["cairn", "level"])
        cairnTags = tree.add(["cairn", "tags"])
        cairnActor = tree.add(["cairn", "actor"])
        cairnVictim = tree.add(["cairn", "victim"])
        sourceIP = Self.source("src.ip", &tree, &evePaths)
        destinationIP = Self.source("dst.ip", &tree, &evePaths)
        for name in fieldNames { sources.append(Self.source(name, &tree, &evePaths)) }
        tree.complete()
        for _ in 0..<tree.pathCount { stored.append((0, CorrelationAlert.Value())) }
    }

    private static func source(
        _ name: String, _ tree: inout JSONPathTree, _ evePaths: inout PlainList<Int>
    ) -> Source {
        let keys = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        var source = Source(
            literal: tree.add([name]), nested: tree.add(keys), eveStart: evePaths.count, eveEnd: 0)
        evePaths.append(tree.add(["cairn", "fields", name]))
        switch name {
        case "src.ip", "client.ip": source.end = 0
        case "dst.ip", "server.ip": source.end = 1
        case "src.port", "client.port": (source.end, source.isPort) = (0, true)
        case "dst.port", "server.port": (source.end, source.isPort) = (1, true)
        default:
            for path in EVEFields.paths[name] ?? [] {
                evePaths.append(tree.add(path, opensArrays: true))
            }
        }
        evePaths.append(source.literal)
        evePaths.append(source.nested)
        source.eveEnd = evePaths.count
        return source
    }

    // MARK: A line

    /// Reads what a line is, which must not contain a line break; of an alert, the time and the rule.
    /// The rest is for `takeValues`, if anybody looks at alerts of that rule.
    ///
    /// - Parameter slackByteCount: bytes behind the line that may be read.
    mutating func parse(_ line: UnsafeRawBufferPointer, slackByteCount: Int = 0) -> Line {
        guard tree.scan(line, slackByteCount: slackByteCount) else {
            return .broken(.notAnObject)
        }
        if tree.memberCount == 1, tree.has(clock) {
            return time(clock, in: line).map(Line.clock) ?? .broken(.noTime)
        }
        isEVE = tree.has(eventType) || tree.has(timestamp)
        if isEVE {
            guard text(eventType, in: line, is: "alert") else { return .other }
        } else if tree.has(kind), isRecord(line) {
            return .other
        }
        let when = !isEVE ? time : tree.has(cairnTime) ? cairnTime : timestamp
        guard let moment = time(when, in: line) else { return .broken(.noTime) }
        alert.time = moment
        alert.label = isEVE ? signatureLabel(line) : labels.label(ofRule: raw(rule, in: line))
        return .alert
    }

    /// Whether a line is one that the correlation wrote.
    private mutating func isRecord(_ line: UnsafeRawBufferPointer) -> Bool {
        text(kind, in: line, is: "firing") || text(kind, in: line, is: "incident")
            || text(kind, in: line, is: "summary")
    }

    private mutating func signatureLabel(_ line: UnsafeRawBufferPointer) -> RuleLabelID {
        let alert = raw(eveAlert, in: line)
        if !(tree.has(cairnRule) || tree.has(cairnLevel) || tree.has(cairnTags)) {
            let text = tree[eveAlert]?.recurring ?? RecurringTexts.Text()
            return labels.label(ofSignature: alert, knownAs: text)
        }
        return labels.label(
            ofSignature: AlertLabels.Parts(
                description: alert, rule: raw(cairnRule, in: line),
                level: raw(cairnLevel, in: line), tags: raw(cairnTags, in: line)))
    }

    /// Takes what else an alert says: of the line that was read last.
    mutating func takeValues(of line: UnsafeRawBufferPointer) {
        lineCount &+= 1
        alert.removeValues()
        alert.flowID = integer(flowID, in: line)
        if isEVE { takeEVEValues(of: line) } else { takeRegistryValues(of: line) }
    }

    private mutating func takeRegistryValues(of line: UnsafeRawBufferPointer) {
        alert.packet = integer(packet, in: line)
        alert.actor = host(actor, else: value(of: sourceIP, in: line), in: line)
        alert.victim = host(victim, else: value(of: destinationIP, in: line), in: line)
        for index in 0..<sources.count {
            alert.fields[index] = value(of: sources[index], in: line)
        }
        alert.source.append(contentsOf: line)
    }

    private mutating func takeEVEValues(of line: UnsafeRawBufferPointer) {
        alert.packet = integer(packetCount, in: line)
        // The ends of the flow, whatever packet made the alert.
        let isReversed = text(direction, in: line, is: "to_client")
        let client = isReversed ? destinationAddress : sourceAddress
        let server = isReversed ? sourceAddress : destinationAddress
        alert.actor = host(cairnActor, else: value(client, in: line), in: line)
        alert.victim = host(cairnVictim, else: value(server, in: line), in: line)
        for index in 0..<sources.count {
            let source = sources[index]
            if source.end >= 0 {
                let isSource = (source.end == 1) == isReversed
                let path =
                    source.isPort
                    ? isSource ? sourcePort : destinationPort
                    : isSource ? sourceAddress : destinationAddress
                alert.fields[index] = value(path, in: line)
            } else if let path = evePath(of: source) {
                alert.fields[index] = value(path, in: line)
            }
        }
    }

    /// The first of the paths of a field that the line has.
    private mutating func evePath(of source: Source) -> Int? {
        for index in source.eveStart..<source.eveEnd where tree.has(evePaths[index]) {
            return evePaths[index]
        }
        return nil
    }

    // MARK: Values

    /// `a.b` is the key `a.b` if present, else the walk a, b.
    private mutating func value(
        of source: Source, in line: UnsafeRawBufferPointer
    ) -> CorrelationAlert.Value {
        value(tree.has(source.literal) ? source.literal : source.nested, in: line)
    }

    /// A scalar, stored in the alert.
    private mutating func value(
        _ path: Int, in line: UnsafeRawBufferPointer
    ) -> CorrelationAlert.Value {
        guard let place = tree[path] else { return CorrelationAlert.Value() }
        if stored[path].line == lineCount { return stored[path].value }
        let value = store(place, in: line)
        stored[path] = (lineCount, value)
        return value
    }

    private mutating func store(
        _ place: JSONPathTree.Place, in line: UnsafeRawBufferPointer
    ) -> CorrelationAlert.Value {
        let raw = UnsafeRawBufferPointer(rebasing: line[place.range])
        switch place.kind {
        case .null, .array, .object: return CorrelationAlert.Value()
        case .true, .false: return alert.store(kind: .bool) { $0.append(contentsOf: raw) }
        case .number:
            guard place.isPlain else { return alert.store(parseDouble(raw)) }
            let isNegativeZero = raw.count == 2 && raw[0] == 0x2d && raw[1] == 0x30
            let digits = isNegativeZero ? UnsafeRawBufferPointer(rebasing: raw[1...]) : raw
            return alert.store(kind: .number) { $0.append(contentsOf: digits) }
        case .string:
            if place.isPlain { return alert.store(kind: .text) { $0.append(contentsOf: raw) } }
            var text: [UInt8] = []
            JSONScanner(raw).appendUnescaped(
                .init(start: 0, end: raw.count, isPlain: false), to: &text)
            return text.withUnsafeBytes { alert.store($0) }
        }
    }

    /// The host that a path names, or another one if it names none.
    private mutating func host(
        _ path: Int, else other: CorrelationAlert.Value, in line: UnsafeRawBufferPointer
    ) -> CorrelationAlert.Value {
        let named = value(path, in: line)
        if named.kind != .none, named.byteCount > 0 { return named }
        return other.byteCount > 0 ? other : CorrelationAlert.Value()
    }

    private mutating func raw(_ path: Int, in line: UnsafeRawBufferPointer)
        -> UnsafeRawBufferPointer
    {
        guard let place = tree[path] else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(rebasing: line[place.range])
    }

    private mutating func text(
        _ path: Int, in line: UnsafeRawBufferPointer, is expected: StaticString
    ) -> Bool {
        guard let place = tree[path], place.kind == .string else { return false }
        let text = UnsafeRawBufferPointer(
            start: expected.utf8Start, count: expected.utf8CodeUnitCount)
        return GroupKey.areEqual(UnsafeRawBufferPointer(rebasing: line[place.range]), text)
    }

    /// A whole number that fits; nil for anything else.
    private mutating func integer(_ path: Int, in line: UnsafeRawBufferPointer) -> Int64? {
        guard let place = tree[path], place.kind == .number, place.isPlain else { return nil }
        let isNegative = line[place.range.lowerBound] == UInt8(ascii: "-")
        let digits = UnsafeRawBufferPointer(
            rebasing: line[place.range.dropFirst(isNegative ? 1 : 0)])
        let isSafe = digits.count <= Self.safeDigitCount
        let value = isSafe ? Self.plain(digits) : Self.exact(digits)
        return isNegative ? value.map(-) : value
    }

    /// Numbers of so many digits fit, whatever they are.
    private static let safeDigitCount = 18

    @inline(__always) private static func plain(_ digits: UnsafeRawBufferPointer) -> Int64? {
        var value: Int64 = 0
        var index = 0
        while index &+ 8 <= digits.count {
            let eight = digits.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            value = value &* 100_000_000 &+ Self.eightDigits(eight.littleEndian)
            index &+= 8
        }
        while index < digits.count {
            value = value &* 10 &+ Int64(digits[index] &- 48)
            index &+= 1
        }
        return value
    }

    /// The number that eight digits are, the first one in the lowest byte: four pairs at once, then two
    /// pairs of these, then one.
    @inline(__always) private static func eightDigits(_ text: UInt64) -> Int64 {
        let ones = text &- 0x3030_3030_3030_3030
        let twos = (ones &* 10 &+ ones >> 8) & 0x00ff_00ff_00ff_00ff
        let fours = (twos &* 100 &+ twos >> 16) & 0x0000_ffff_0000_ffff
        return Int64(truncatingIfNeeded: (fours &* 10_000 &+ fours >> 32) & 0xffff_ffff)
    }

    private static func exact(_ digits: UnsafeRawBufferPointer) -> Int64? {
        var value: Int64 = 0
        for digit in digits {
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = scaled.addingReportingOverflow(Int64(digit &- 48))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value
    }

    private mutating func time(_ path: Int, in line: UnsafeRawBufferPointer) -> Timestamp? {
        guard let place = tree[path], place.kind == .string else { return nil }
        return times.parse(UnsafeRawBufferPointer(rebasing: line[place.range]))
    }
}

/// Parses times as alert files write them: `2026-01-02T03:04:05.123456789Z`, with up to nine digits
/// after the point and a zone `Z`, `+01:00` or `+0100` (RFC 3339, and Suricata's form).
struct TimeParser {
    private var minuteText: (UInt64, UInt64) = (0, 0)
    /// Nanoseconds since 1970 at the start of that minute.
    private var minute: Int64?

    /// The moment of a text; nil if it is none.
    static func moment(_ text: String) -> Timestamp? {
        var parser = TimeParser()
        return Array(text.utf8).withUnsafeBytes { parser.parse($0) }
    }

    /// The moment of a text; nil if it is none, or before 1678 or after 2261.
    mutating func parse(_ text: UnsafeRawBufferPointer) -> Timestamp? {
        guard text.count >= 20 else { return nil }
        let first = text.loadUnaligned(as: UInt64.self)
        let second = text.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        if minute == nil || (first, second) != minuteText {
            minute = Self.minute(text)
            minuteText = (first, second)
        }
        guard let minute, text[16] == UInt8(ascii: ":"),
            let second = Self.twoDigits(text, at: 17), second < 60
        else { return nil }
        var nanoseconds = second &* nanosecondsPerSecond
        var index = 19
        if text[index] == UInt8(ascii: ".") {
            index &+= 1
            let start = index
            var fraction: Int64 = 0
            while index < text.count, text[index] &- 48 < 10 {
                fraction = fraction &* 10 &+ Int64(text[index] &- 48)
                index &+= 1
            }
            let digitCount = index &- start
            guard digitCount >= 1, digitCount <= 9 else { return nil }
            for _ in digitCount..<9 { fraction &*= 10 }
            nanoseconds &+= fraction
        }
        guard let zone = Self.zone(text, from: index) else { return nil }
        return Timestamp(nanoseconds: minute &+ nanoseconds &- zone)
    }

    /// The start of the minute that `2026-01-02T03:04` names.
    private static func minute(_ text: UnsafeRawBufferPointer) -> Int64? {
        guard text[4] == 0x2d, text[7] == 0x2d, text[10] == UInt8(ascii: "T"), text[13] == 0x3a,
            let year = number(text, 0..<4), let month = number(text, 5..<7),
            let day = number(text, 8..<10), let hour = number(text, 11..<13),
            let minute = number(text, 14..<16), (1678...2261).contains(year),
            (1...12).contains(month), day >= 1, hour < 24, minute < 60
        else { return nil }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let days: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard day <= days[Int(month) - 1] else { return nil }
        return Timestamp(
            civil: .init(
                year: Int(year), month: Int(month), day: Int(day), hour: Int(hour),
                minute: Int(minute), second: 0, nanosecond: 0)
        ).nanoseconds
    }

    /// Nanoseconds that a zone is ahead of UTC.
    private static func zone(_ text: UnsafeRawBufferPointer, from index: Int) -> Int64? {
        guard index < text.count else { return nil }
        if text[index] == UInt8(ascii: "Z") { return index + 1 == text.count ? 0 : nil }
        guard text[index] == 0x2b || text[index] == 0x2d else { return nil }
        let hasColon = text.count == index + 6 && text[index + 3] == 0x3a
        guard hasColon || text.count == index + 5,
            let hours = twoDigits(text, at: index + 1),
            let minutes = twoDigits(text, at: text.count - 2), hours < 24, minutes < 60
        else { return nil }
        let offset = (hours * 3_600 + minutes * 60) * nanosecondsPerSecond
        return text[index] == 0x2d ? -offset : offset
    }

    @inline(__always)
    private static func twoDigits(_ text: UnsafeRawBufferPointer, at index: Int) -> Int64? {
        let (tens, ones) = (text[index] &- 48, text[index &+ 1] &- 48)
        return tens < 10 && ones < 10 ? Int64(tens &* 10 &+ ones) : nil
    }

    private static func number(_ text: UnsafeRawBufferPointer, _ range: Range<Int>) -> Int64? {
        var value: Int64 = 0
        for byte in text[range] {
            guard byte &- 48 < 10 else { return nil }
            value = value * 10 + Int64(byte &- 48)
        }
        return value
    }
}
