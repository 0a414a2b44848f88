/// Evaluates compiled rules on events. One a shard.
final class RuleEvaluator {
    let event: Event
    /// What matched in the rule that was evaluated last.
    let notes = MatchNotes()
    private let program: RuleProgram
    private let regexes: RegexRunner
    let sequences: SequenceRunner
    private let transforms: TransformRunner
    /// For names of flows in alerts.
    let sha1 = Digest(.sha1)
    /// For text that is put together on demand.
    var writer = JSONWriter()
    /// Where numbers and addresses become text.
    private let text = TextBuffer()
    private let otherText = TextBuffer()

    init(_ compiled: CompiledRules) {
        program = compiled.program
        event = Event(subjects: compiled.subjects)
        regexes = RegexRunner(
            program.regexes, matchLimit: compiled.settings.regexMatchLimit,
            depthLimit: compiled.settings.regexDepthLimit)
        transforms = TransformRunner(regexes)
        sequences = SequenceRunner(
            program.sequences, regexes, notes, recursionLimit: compiled.settings.recursionLimit)
    }

    func report(into counters: inout Counters) {
        counters.add("detect.regex_limit", regexes.limitCount)
        counters.add("detect.sequence_limit", sequences.limitCount)
    }

    /// Whether the condition of a rule holds for certain on the present event. What matched is in `notes`.
    ///
    /// - Parameter known: bytes of the stream of which it is known that the rule, of a single test, does not hold.
    func holds(_ rule: UnsafePointer<CompiledRules.Rule>, known: Int = 0) -> Bool {
        begin(rule)
        var next = rule.pointee.entry
        while next >= 0 {
            let instruction = program.instructions.elements + Int(next)
            let isReady = instruction.pointee.readiness.isReached(event.toServer, event.toClient)
            let isHeld = isReady && holds(instruction, known)
            next = isHeld ? instruction.pointee.onTrue : instruction.pointee.onFalse
        }
        return next == RuleProgram.accept
    }

    private func holds(
        _ instruction: UnsafePointer<RuleProgram.Instruction>, _ known: Int
    ) -> Bool {
        guard instruction.pointee.isNegated else {
            return holds(test: instruction.pointee.test, known)
        }
        let noteCount = notes.count
        let isHeld = !holds(test: instruction.pointee.test)
        notes.truncate(to: noteCount)
        return isHeld
    }

    /// The same, for a rule whose tests hold for good once they have held: on pieces of a stream, or on the files of a
    /// transaction.
    ///
    /// - Parameters:
    ///   - seen: the tests that have held so far, by their place in the rule.
    ///   - known: bytes of the stream in which the other tests were asked for already; nil on files, whose tests wait for
    ///     whole values.
    func holds(
        _ rule: UnsafePointer<CompiledRules.Rule>, seen: inout UInt64, known: Int? = nil
    ) -> Bool {
        begin(rule)
        func isReady(_ instruction: UnsafePointer<RuleProgram.Instruction>) -> Bool {
            instruction.pointee.readiness.isReached(event.toServer, event.toClient)
        }
        // Each test is asked of each piece: what it would have seen is gone with the next.
        for index in rule.pointee.instructions {
            let instruction = program.instructions.elements + index
            guard instruction.pointee.place >= 0 else { break }
            let bit: UInt64 = 1 << UInt64(instruction.pointee.place)
            if seen & bit == 0, known != nil || isReady(instruction),
                holds(test: instruction.pointee.test, known ?? 0)
            {
                seen |= bit
            }
        }
        var next = rule.pointee.entry
        while next >= 0 {
            let instruction = program.instructions.elements + Int(next)
            let place = instruction.pointee.place
            let isTrue =
                place >= 0
                ? seen >> UInt64(place) & 1 != 0
                : isReady(instruction) && holds(test: instruction.pointee.test)
            let isHeld = instruction.pointee.isNegated ? !isTrue && isReady(instruction) : isTrue
            next = isHeld ? instruction.pointee.onTrue : instruction.pointee.onFalse
        }
        return next == RuleProgram.accept
    }

    /// Whether a rule that does not hold on the present piece of a stream may hold when more bytes have come.
    ///
    /// A test that looks at the first bytes is lost when they are gone, or are all there and differ.
    ///
    /// - Parameter seen: the tests that have held so far, by their place in the rule.
    func canHoldLater(_ rule: UnsafePointer<CompiledRules.Rule>, seen: UInt64) -> Bool {
        guard rule.pointee.needsStart else { return true }
        return program.canHold(rule.pointee.entry, seen: seen) { test in
            test.pointee.needsStart
                && (event.base > 0 || event.heldByteCount >= test.pointee.settledByteCount)
        }
    }

    private func begin(_ rule: UnsafePointer<CompiledRules.Rule>) {
        notes.begin()
        event.orientation = rule.pointee.orientation
        // What another rule extracted is not this one's.
        for index in 0..<rule.pointee.variables.count { sequences.variables[index] = 0 }
    }

    // MARK: Tests

    /// - Parameter known: bytes of a stream in which the test was asked for already, and did not hold.
    private func holds(test index: Int32, _ known: Int = 0) -> Bool {
        let test = program.tests.elements + Int(index)
        let start = max(0, known &- test.pointee.reach)
        notes.test = index
        if test.pointee.elements >= 0 { return holdsOfElements(test) }
        switch test.pointee.kind {
        case .exists: return event.anyValue(test.pointee.source) { _ in true }
        case .isAbsent: return !event.anyValue(test.pointee.source) { _ in true }
        case .fieldReference: return refers(test)
        default: return event.anyValue(test.pointee.source) { holds(test, $0, from: start) }
        }
    }

    /// Asks the test of the values that it is about, and counts of how many it holds.
    private func holdsOfElements(_ test: UnsafePointer<RuleProgram.Test>) -> Bool {
        let choice = program.elementChoices.elements + Int(test.pointee.elements)
        var count = 0
        _ = event.anyValue(test.pointee.source) { _ in
            count &+= 1
            return false
        }
        let places = choice.pointee.places(of: count)
        var (place, held) = (0, 0)
        _ = event.anyValue(test.pointee.source) { value in
            if places.contains(place), holds(test, value, from: 0) { held &+= 1 }
            place &+= 1
            return place >= places.upperBound
        }
        return choice.pointee.isMet(held: held, of: places.count)
    }

    private func holds(
        _ test: UnsafePointer<RuleProgram.Test>, _ value: Event.Value, from start: Int
    ) -> Bool {
        switch test.pointee.kind {
        case .number:
            guard let number = number(value) else { return false }
            return note(
                test.pointee.comparison.holds(number, test.pointee.number), value)
        case .bits:
            guard let number = number(value) else { return false }
            return note(program.bitTests.elements[test.pointee.index].holds(number), value)
        case .integer:
            guard let number = number(value) else { return false }
            return note(program.integerTests.elements[test.pointee.index].holds(number), value)
        case .timePart:
            guard let number = number(value) else { return false }
            let part = test.pointee.timePart.value(of: Timestamp(nanoseconds: number))
            return note(test.pointee.comparison.holds(part, test.pointee.number), value)
        case .past:
            guard let seconds = number(value) else { return false }
            let now = event.place.timestamp.nanoseconds / nanosecondsPerSecond
            return note((seconds < now) == (test.pointee.number == 1), value)
        case .network:
            guard let address = address(value) else { return false }
            return note(
                program.networks.elements[test.pointee.index].contains(address), value)
        case .country:
            guard let address = address(value) else { return false }
            let country = program.countryDatabase?.country(of: address)
            return note(
                program.countries.elements[test.pointee.index].hold(country), value)
        case .reputation:
            guard let address = address(value) else { return false }
            let entry = program.reputations.elements + test.pointee.index
            return note(
                entry.pointee.test.holds(
                    program.score(of: address, in: entry.pointee.category)), value)
        case .inSet where test.pointee.transforms.isEmpty:
            guard let key = setKey(value, of: test) else { return isMissingEnough(test) }
            return note(
                program.sets.isChanged(test.pointee.index)
                    || program.sets.holds(test.pointee.index, key), value)
        default:
            let bytes = bytes(value)
            guard test.pointee.transforms.isEmpty else {
                let list = UnsafeBufferPointer(
                    rebasing: UnsafeBufferPointer(
                        start: program.transforms.elements, count: program.transforms.count)[
                            test.pointee.transforms])
                return transforms.apply(list, to: bytes) { holds(test, bytes: $0, from: 0) }
            }
            return holds(test, bytes: bytes, from: start)
        }
    }

    private func holds(
        _ test: UnsafePointer<RuleProgram.Test>, bytes: UnsafeRawBufferPointer, from start: Int
    ) -> Bool {
        let isCut = event.base > 0
        if isCut, test.pointee.needsStart { return false }
        switch test.pointee.kind {
        case .text:
            guard
                let range = program.texts.elements[test.pointee.index].match(bytes, from: start)
            else { return false }
            notes.add(bytes, range, base: Int(clamping: event.base))
            return true
        case .regex:
            guard
                let range = regexes.match(
                    test.pointee.index, in: bytes, from: start, beginsThere: !isCut)
            else { return false }
            notes.add(bytes, range, base: Int(clamping: event.base))
            return true
        case .sequence:
            return sequences.holds(test.pointee.steps, bytes, base: event.base)
        case .inSet:
            guard let key = setKey(.bytes(bytes), of: test) else { return isMissingEnough(test) }
            return program.sets.isChanged(test.pointee.index)
                || program.sets.holds(test.pointee.index, key)
        default: return false
        }
    }

    // MARK: Sets

    /// A value as a set keeps it; nil if it is none of the set's kind.
    private func setKey(
        _ value: Event.Value, of test: UnsafePointer<RuleProgram.Test>
    ) -> [UInt8]? {
        let set = program.sets.codes.elements[test.pointee.index].set
        let kind = program.sets.entries[set].definition.kind ?? .string
        switch (kind, value) {
        case (.string, .bytes(let bytes)): return Array(bytes)
        case (.string, _): return Array(bytes(value))
        case (.md5, .bytes(let bytes)), (.sha1, .bytes(let bytes)), (.sha256, .bytes(let bytes)):
            // Hashes of files are kept as text.
            let hash =
                test.pointee.source.type == .text && test.pointee.transforms.isEmpty
                ? hexBytes(String(decoding: bytes, as: UTF8.self)) : Array(bytes)
            return hash.flatMap { $0.count == kind.hashByteCount ? $0 : nil }
        case (.ipv4, .address(let address)), (.ip, .address(let address)):
            return Array(address.description.utf8)
        default: return nil
        }
    }

    /// What is no value of a set is not in it.
    private func isMissingEnough(_ test: UnsafePointer<RuleProgram.Test>) -> Bool {
        program.sets.codes.elements[test.pointee.index].test.action == .isnotset
    }

    /// What a rule that holds on the present event asks of sets that rules change, with the values that it asks about.
    func setValues(of rule: UnsafePointer<CompiledRules.Rule>) -> [Candidate.SetValues] {
        var result: [Candidate.SetValues] = []
        for index in rule.pointee.instructions {
            let number = Int(program.instructions.elements[index].test)
            let test = UnsafePointer(program.tests.elements + number)
            guard test.pointee.kind == .inSet, program.sets.isChanged(test.pointee.index) else {
                continue
            }
            var values: [[UInt8]] = []
            _ = event.anyValue(test.pointee.source) { value in
                if let key = changed(value, by: test) { values.append(key) }
                return false
            }
            result.append(Candidate.SetValues(code: test.pointee.index, values: values))
        }
        return result
    }

    /// What the files of sets say of the values of the present event, for a rule that holds on it: a text of JSON for each
    /// test that shows it.
    func contexts(of rule: UnsafePointer<CompiledRules.Rule>) -> [Alert.Context] {
        var result: [Alert.Context] = []
        for index in rule.pointee.instructions {
            let number = Int(program.instructions.elements[index].test)
            let test = UnsafePointer(program.tests.elements + number)
            guard test.pointee.kind == .inSet else { continue }
            let code = program.sets.codes.elements[test.pointee.index]
            guard let name = code.test.set.contextKey, code.test.action == .isset else { continue }
            let contexts = program.sets.entries[code.set].contexts
            _ = event.anyValue(test.pointee.source) { value in
                guard let key = changed(value, by: test), let json = contexts[key] else {
                    return false
                }
                result.append(Alert.Context(name: name, json: json))
                return true
            }
        }
        return result
    }

    private func changed(
        _ value: Event.Value, by test: UnsafePointer<RuleProgram.Test>
    ) -> [UInt8]? {
        guard !test.pointee.transforms.isEmpty else { return setKey(value, of: test) }
        let list = UnsafeBufferPointer(
            rebasing: UnsafeBufferPointer(
                start: program.transforms.elements, count: program.transforms.count)[
                    test.pointee.transforms])
        return transforms.apply(list, to: bytes(value)) { setKey(.bytes($0), of: test) }
    }

    /// Compares two fields of the event with each other.
    private func refers(_ test: UnsafePointer<RuleProgram.Test>) -> Bool {
        let reference = program.references.elements[test.pointee.index]
        return event.anyValue(test.pointee.source) { value in
            let bytes = bytes(value)
            return event.anyValue(reference.source, .second) { other in
                guard reference.relates(bytes, to: self.bytes(other, in: otherText)) else {
                    return false
                }
                notes.add(bytes, 0..<bytes.count)
                return true
            }
        }
    }

    /// Notes a value as what matched, if something did.
    @inline(__always) private func note(_ isHeld: Bool, _ value: Event.Value) -> Bool {
        if isHeld {
            let bytes = bytes(value)
            notes.add(bytes, 0..<bytes.count)
        }
        return isHeld
    }

    // MARK: Forms of values

    /// A value as bytes; numbers and addresses as text, valid until the next.
    private func bytes(_ value: Event.Value) -> UnsafeRawBufferPointer {
        bytes(value, in: text)
    }

    private func bytes(_ value: Event.Value, in text: TextBuffer) -> UnsafeRawBufferPointer {
        switch value {
        case .bytes(let bytes): return bytes
        case .number(let number):
            text.removeAll()
            text.appendDecimal(number)
        case .address(let address):
            text.removeAll()
            text.append(address.description)
        }
        return text.bytes
    }

    /// A value as a number; bytes if they are digits and nothing else.
    private func number(_ value: Event.Value) -> Int64? {
        switch value {
        case .number(let number): return number
        case .address: return nil
        case .bytes(let bytes):
            guard (1...20).contains(bytes.count) else { return nil }
            return Int64(String(decoding: bytes, as: UTF8.self))
        }
    }

    /// A value as an address; bytes if they are the text of one.
    private func address(_ value: Event.Value) -> IPAddress? {
        switch value {
        case .address(let address): return address
        case .number: return nil
        case .bytes(let bytes):
            guard (2...45).contains(bytes.count) else { return nil }
            return IPAddress(String(decoding: bytes, as: UTF8.self))
        }
    }
}

extension RuleProgram.Reference {
    /// Whether a value stands in relation to another: equals it, begins or ends with it, contains it.
    fileprivate func relates(
        _ value: UnsafeRawBufferPointer, to other: UnsafeRawBufferPointer
    ) -> Bool {
        let last = value.count &- other.count
        guard last >= 0 else { return false }
        switch position {
        case .whole: return last == 0 && isEqual(value, other, at: 0)
        case .prefix: return isEqual(value, other, at: 0)
        case .suffix: return isEqual(value, other, at: last)
        case .anywhere: return (0...last).contains { isEqual(value, other, at: $0) }
        }
    }

    private func isEqual(
        _ value: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer, at offset: Int
    ) -> Bool {
        for index in 0..<other.count {
            let (a, b) = (value[offset &+ index], other[index])
            guard a == b || !isCased && a.asciiLowercased == b.asciiLowercased else {
                return false
            }
        }
        return true
    }
}

extension TimePart {
    /// The part of a moment in UTC; weeks count as in ISO 8601.
    func value(of moment: Timestamp) -> Int64 {
        let time = moment.civilTime
        switch self {
        case .minute: return Int64(time.minute)
        case .hour: return Int64(time.hour)
        case .day: return Int64(time.day)
        case .week: return moment.isoWeek
        case .month: return Int64(time.month)
        case .year: return Int64(time.year)
        }
    }
}

extension Timestamp {
    /// The week of the year (ISO 8601 §5.5): weeks begin on Monday, and belong to the year that has their Thursday.
    fileprivate var isoWeek: Int64 {
        let day = nanosecondsPerSecond * 86_400
        // 1970-01-01 was a Thursday: day 0 of a week that began three days before.
        let (quotient, remainder) = nanoseconds.quotientAndRemainder(dividingBy: day)
        let days = remainder < 0 ? quotient - 1 : quotient
        let weekday = ((days + 3) % 7 + 7) % 7
        let thursday = Timestamp.epoch.adding(nanoseconds: (days - weekday + 3) &* day)
        var firstDay = thursday.civilTime
        (firstDay.month, firstDay.day) = (1, 1)
        (firstDay.hour, firstDay.minute, firstDay.second, firstDay.nanosecond) = (0, 0, 0, 0)
        return thursday.nanoseconds(since: Timestamp(civil: firstDay)) / day / 7 + 1
    }
}
