/// Runs sequences over a value, with the semantics of Suricata's payload keywords, to the byte. One a shard.
///
/// Steps are tried in order. `cursor` is where the last content, expression or jump ended; a relative step counts from
/// there. If a step fails, the contents and expressions before it on whose place it depends are tried at their next
/// places; if what failed depends on no place before it, nothing is tried again, even if a variable would change.
final class SequenceRunner {
    private let code: SequenceCode
    private let regexes: RegexRunner
    private let notes: MatchNotes
    /// Steps that one sequence may take on one value.
    private let stepCountMax: Int
    /// Values of the variables of the rule that is being evaluated.
    let variables: UnsafeMutablePointer<Int64>

    // The value that is looked at.
    private var text = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Offset of the text in its stream: offsets of the rule count from the stream's start.
    private var base = 0
    private var end = 0
    private var stepsLeft = 0
    /// Kilobytes that may still be searched, so that long values cannot make steps expensive.
    private var searchLeft = 0
    /// What base64 stood for.
    private var decoded: [UInt8] = []
    /// Evaluations that were given up because there was too much to try.
    private(set) var limitCount: UInt64 = 0

    /// - Parameter recursionLimit: Suricata's `detect.inspection-recursion-limit`.
    init(_ code: SequenceCode, _ regexes: RegexRunner, _ notes: MatchNotes, recursionLimit: Int) {
        self.code = code
        self.regexes = regexes
        self.notes = notes
        stepCountMax = recursionLimit > 0 ? min(recursionLimit, 1 << 30) : 1 << 30
        variables = .allocate(capacity: SequenceCode.variableCountMax)
        variables.initialize(repeating: 0, count: SequenceCode.variableCountMax)
    }

    deinit { variables.deallocate() }

    /// Whether the steps hold for a value. What matched is noted.
    ///
    /// - Parameter base: bytes of the stream before the text.
    func holds(_ steps: Range<Int>, _ text: UnsafeRawBufferPointer, base: UInt64 = 0) -> Bool {
        self.text = text
        self.base = Int(clamping: min(base, 1 << 48))
        end = steps.upperBound
        stepsLeft = stepCountMax
        searchLeft = Self.searchMax
        let noteCount = notes.count
        // Without a match before it, a relative step counts from the stream's start.
        if run(from: steps.lowerBound, cursor: -self.base) == .held { return true }
        notes.truncate(to: noteCount)
        if stepsLeft <= 0 || searchLeft <= 0 { limitCount &+= 1 }
        return false
    }

    /// Numbers from packets are kept within this range, so that sums of a few do not overflow.
    static func bounded(_ value: Int64) -> Int {
        Int(max(-(1 << 48), min(1 << 48, value)))
    }

    @inline(__always) private func value(_ number: SequenceCode.Number) -> Int {
        number.variable < 0
            ? number.value : Self.bounded(variables[Int(number.variable)])
    }

    /// Kilobytes that one sequence may search.
    private static let searchMax = 12 * 1024

    /// Pays for a search of some bytes; false when the limit is reached.
    @inline(__always) private func charge(searching byteCount: Int) -> Bool {
        searchLeft &-= 1 &+ byteCount &>> 10
        return searchLeft > 0
    }

    /// What came of the steps from one on.
    private enum Result {
        case held
        /// Another place of a step before them may help.
        case failed
        /// None will.
        case hopeless
    }

    private func run(from first: Int, cursor start: Int) -> Result {
        var index = first
        var cursor = start
        // Behind a content on whose place nothing depends there is nothing to be tried again.
        var failure = Result.failed
        while index < end {
            stepsLeft &-= 1
            guard stepsLeft > 0 else { return .hopeless }
            let step = code.steps.elements[index]
            index &+= 1
            let outcome =
                switch step.kind {
                case .content: content(step, behind: index, cursor)
                case .regex: regex(step, behind: index, cursor)
                default: plain(step, cursor)
                }
            switch outcome {
            case .place(let end):
                cursor = end
                if step.kind == .content { failure = .hopeless }
            case .held: break
            case .ended(let result): return result == .failed ? failure : result
            }
        }
        return .held
    }

    private enum Outcome {
        /// It holds, and the cursor is there now; the next step is next.
        case place(Int)
        /// It holds where the cursor is.
        case held
        /// Nothing is left to be tried: it failed, or all steps behind it held too.
        case ended(Result)

        /// What a plain test says.
        init(_ holds: Bool) { self = holds ? .held : .ended(.failed) }

        /// What a step says that moves the cursor if it holds.
        init(_ place: Int?) { self = place.map { .place($0) } ?? .ended(.failed) }
    }

    /// A step that holds at one place or not at all.
    private func plain(_ step: SequenceCode.Step, _ cursor: Int) -> Outcome {
        let index = Int(step.index)
        switch step.kind {
        case .byteTest: return Outcome(byteTest(index, cursor) == !step.isNegated)
        case .byteJump: return Outcome(jump(index, cursor))
        case .byteExtract: return Outcome(extract(index, cursor))
        case .byteMath: return Outcome(math(index, cursor))
        case .isDataAt:
            let offset = value(code.dataOffsets.elements[index])
            let isThere =
                step.isRelative ? cursor &+ offset <= text.count : offset &- base < text.count
            return Outcome(isThere != step.isNegated)
        case .size:
            let isWithin = code.sizes.elements[index].contains(base &+ text.count)
            return Outcome(isWithin != step.isNegated)
        case .base64: return base64(index, cursor)
        case .asn1: return Outcome(code.asn1Tests.elements[index].holds(text, cursor: cursor))
        case .entropy: return Outcome(code.entropyTests.elements[index].holds(text))
        case .content, .regex: preconditionFailure("searched for")
        }
    }

    /// Decodes base64 and runs the steps on it; they decide.
    private func base64(_ index: Int, _ cursor: Int) -> Outcome {
        let step = code.base64s.elements + index
        let start = step.pointee.isRelative ? max(0, cursor) : 0
        guard start < text.count else { return .ended(.failed) }
        decoded.removeAll(keepingCapacity: true)
        step.pointee.decoding.decode(
            UnsafeRawBufferPointer(rebasing: text[start...]), into: &decoded)
        guard !decoded.isEmpty else { return .ended(.failed) }
        let outer = (text: text, base: base, end: end)
        let bytes = decoded
        let result = bytes.withUnsafeBytes { bytes in
            (text, base, end) = (bytes, 0, step.pointee.steps.upperBound)
            return run(from: step.pointee.steps.lowerBound, cursor: 0)
        }
        (text, base, end) = outer
        return .ended(result)
    }

    // MARK: Content and expressions

    private func content(_ step: SequenceCode.Step, behind next: Int, _ cursor: Int) -> Outcome {
        let content = code.contents.elements + Int(step.index)
        let byteCount = content.pointee.text.byteCount
        let (first, high) = bounds(content, isRelative: step.isRelative, cursor)
        guard first <= high, high > 0 else { return Outcome(step.isNegated) }
        if step.isNegated {
            guard isFound(content, first, high) else { return .held }
            return .ended(content.pointee.isAlone ? .hopeless : .failed)
        }
        // What does not depend on the place of another is not there at all.
        let missing = Outcome.ended(step.isRelative ? .failed : .hopeless)
        var low = first
        if content.pointee.endsWith {
            guard high >= text.count else { return missing }
            low = max(low, text.count &- byteCount)
        }
        while true {
            guard charge(searching: max(0, high &- low)) else { return .ended(.hopeless) }
            guard let offset = content.pointee.text.firstOffset(in: text, from: low, to: high)
            else { return missing }
            let noteCount = notes.count
            notes.add(text, offset..<offset &+ byteCount, base: base)
            guard step.isRetried else { return .place(offset &+ byteCount) }
            let result = run(from: next, cursor: offset &+ byteCount)
            guard result == .failed else { return .ended(result) }
            notes.truncate(to: noteCount)
            low = offset &+ 1
        }
    }

    /// Whether a negated content is where it must not be.
    ///
    /// With `endswith` only the first place counts, and it counts as the end if as many bytes stand behind it as before
    /// the search: so does Suricata, which takes an offset in what is searched for one in the whole value.
    private func isFound(
        _ content: UnsafePointer<SequenceCode.Content>, _ low: Int, _ high: Int
    ) -> Bool {
        if content.pointee.endsWith, high < text.count { return false }
        guard charge(searching: high &- low),
            let offset = content.pointee.text.firstOffset(in: text, from: low, to: high)
        else { return false }
        return !content.pointee.endsWith
            || offset &+ content.pointee.text.byteCount &+ low == text.count
    }

    /// Where a content may begin and must have ended, as offsets in the text; it cannot be there if they are the wrong way
    /// round or nothing lies before the end.
    private func bounds(
        _ content: UnsafePointer<SequenceCode.Content>, isRelative: Bool, _ cursor: Int
    ) -> (low: Int, high: Int) {
        var low = 0
        var high = text.count
        if isRelative {
            let origin = cursor &+ base
            let distance = content.pointee.distance.map(value) ?? 0
            low = max(0, origin &+ distance)
            if let within = content.pointee.within {
                // An end before the start is no bound in Suricata: the number wraps.
                let end = origin &+ distance &+ value(within)
                if end >= 0 { high = min(high, end &- base) }
            }
            if let depth = content.pointee.depth { high = min(high, cursor &+ value(depth)) }
            if let offset = content.pointee.offset { low = max(low, value(offset)) }
        } else if content.pointee.startsWith {
            low = 0
            high = min(high, content.pointee.text.byteCount &- base)
            if base > 0 { return (1, 0) }
        } else {
            low = content.pointee.offset.map(value) ?? 0
            if let depth = content.pointee.depth { high = min(high, low &+ value(depth) &- base) }
        }
        return (max(0, low &- base), high)
    }

    private func regex(_ step: SequenceCode.Step, behind next: Int, _ cursor: Int) -> Outcome {
        let regex = code.regexes.elements + Int(step.index)
        let origin = step.isRelative ? max(0, cursor) : 0
        let isAtStart = step.isRelative || base == 0
        var start = origin
        while true {
            guard charge(searching: max(0, text.count &- start)) else { return .ended(.hopeless) }
            guard isAtStart || !regex.pointee.isAnchored else { return Outcome(step.isNegated) }
            guard
                let place = regexes.match(
                    regex.pointee.index, in: text, origin: origin, from: start,
                    beginsThere: isAtStart)
            else { return Outcome(step.isNegated && !regexes.hasGivenUp) }
            if step.isNegated { return .ended(.failed) }
            capture(regex, origin)
            let noteCount = notes.count
            notes.add(text, place, base: base)
            guard step.isRetried else { return .place(place.upperBound) }
            let result = run(from: next, cursor: place.upperBound)
            guard result == .failed else { return .ended(result) }
            notes.truncate(to: noteCount)
            start = place.lowerBound &+ 1
        }
    }

    /// Sets the variables that the groups of an expression stand for, as far as these hold decimal numbers, and keeps the
    /// texts that the alert shows.
    private func capture(_ regex: UnsafePointer<SequenceCode.Regex>, _ origin: Int) {
        for group in 0..<regex.pointee.captures.count {
            let (variable, label) = (regex.pointee.captures[group], regex.pointee.labels[group])
            guard variable >= 0 || label >= 0, let place = regexes.group(group &+ 1) else {
                continue
            }
            let part = UnsafeRawBufferPointer(
                rebasing: text[origin &+ place.lowerBound..<origin &+ place.upperBound])
            if variable >= 0 {
                let number = DigitReader.read(part, .decimal)
                variables[Int(variable)] = number.map { Int64(truncatingIfNeeded: $0.value) } ?? 0
            } else {
                notes.setLabel(label, part)
            }
        }
    }

    // MARK: Numbers

    /// Reads a number from the text; nil if it is not all there. `end` is the offset behind it.
    ///
    /// - Parameter takesNothing: a number of no bytes is 0, in digits and at the end of the text too.
    private func read(
        _ bytes: SequenceCode.Bytes, _ cursor: Int, takesNothing: Bool = false
    ) -> (value: UInt64, end: Int)? {
        let byteCount = value(bytes.byteCount)
        let offset = value(bytes.offset) &+ (bytes.isRelative ? cursor : -base)
        guard byteCount >= 0, offset >= 0, offset <= text.count, byteCount <= text.count &- offset
        else { return nil }
        if takesNothing, byteCount == 0 { return (0, offset) }
        if bytes.isRelative, offset == text.count { return nil }
        if byteCount == 0, let form = bytes.text {
            // Of no number of bytes: all digits that there are.
            let rest = UnsafeRawBufferPointer(rebasing: text[offset...])
            return DigitReader.read(rest, form, byteCountMax: rest.count)
                .map { ($0.value, offset &+ $0.byteCount) }
        }
        let field = UnsafeRawBufferPointer(rebasing: text[offset..<offset &+ byteCount])
        if let form = bytes.text {
            return DigitReader.read(field, form).map { ($0.value, offset &+ $0.byteCount) }
        }
        guard byteCount <= 8 else { return nil }
        var number: UInt64 = 0
        for index in 0..<byteCount {
            let byte = UInt64(field[bytes.isLittleEndian ? byteCount &- 1 &- index : index])
            number = number << 8 | byte
        }
        return (number, offset &+ byteCount)
    }

    private func byteTest(_ index: Int, _ cursor: Int) -> Bool? {
        let test = code.byteTests.elements[index]
        guard let read = read(test.bytes, cursor) else { return nil }
        let number = (read.value & test.bytes.bitmask) >> test.bytes.shift
        let value = UInt64(bitPattern: Int64(value(test.value)))
        return switch test.comparison {
        case .less: number < value
        case .greater: number > value
        case .equal: number == value
        case .lessOrEqual: number <= value
        case .greaterOrEqual: number >= value
        case .and: number & value != 0
        case .or: number ^ value != 0
        }
    }

    /// Where a jump leads, but not to before the text; nil if that is behind its end.
    private func jump(_ index: Int, _ cursor: Int) -> Int? {
        let jump = code.jumps.elements[index]
        guard let read = read(jump.bytes, cursor, takesNothing: true) else { return nil }
        var number = (read.value & jump.bytes.bitmask) >> jump.bytes.shift
        number = number &* jump.multiplier
        if jump.aligns { number = (number &+ 3) & ~3 }
        var target = Self.bounded(Int64(bitPattern: number)) &+ value(jump.postOffset)
        if jump.fromBeginning {
            target &-= base
        } else if jump.fromEnd {
            target &+= text.count
        } else {
            target &+= read.end
        }
        return target <= text.count ? max(0, target) : nil
    }

    private func extract(_ index: Int, _ cursor: Int) -> Int? {
        let extract = code.extracts.elements[index]
        guard let read = read(extract.bytes, cursor) else { return nil }
        var number = (read.value & extract.bytes.bitmask) >> extract.bytes.shift
        number = number &* extract.multiplier
        if extract.align > 1, number % extract.align != 0 {
            number = number &+ (extract.align &- number % extract.align)
        }
        set(extract.variable, number)
        return read.end
    }

    private func math(_ index: Int, _ cursor: Int) -> Int? {
        let math = code.maths.elements[index]
        guard let read = read(math.bytes, cursor) else { return nil }
        let operand = UInt64(bitPattern: Int64(value(math.operand)))
        let number: UInt64
        switch math.operation {
        case .add: number = read.value &+ operand
        case .subtract: number = read.value &- operand
        case .multiply: number = read.value &* operand
        case .divide:
            guard operand != 0 else { return nil }
            number = read.value / operand
        case .shiftLeft: number = operand < 64 ? read.value << operand : 0
        case .shiftRight: number = operand < 64 ? read.value >> operand : 0
        }
        set(math.variable, (number & math.bytes.bitmask) >> math.bytes.shift)
        return read.end
    }

    private func set(_ variable: Int16, _ number: UInt64) {
        guard variable >= 0 else { return }
        variables[Int(variable)] = Int64(bitPattern: number)
    }
}

/// Reads numbers written as digits, as `strtoull` does.
enum DigitReader {
    /// Bytes that are looked at, as in Suricata.
    static let byteCountMax = 23

    /// The number that bytes begin with, and how many of them it takes; nil without a digit or if it is too large.
    static func read(
        _ bytes: UnsafeRawBufferPointer, _ form: ByteNumber.Text, byteCountMax: Int = byteCountMax
    ) -> (value: UInt64, byteCount: Int)? {
        let base: UInt64 =
            switch form {
            case .decimal: 10
            case .hexadecimal: 16
            case .octal: 8
            }
        let end = min(bytes.count, byteCountMax)
        var offset = 0
        while offset < end, bytes[offset].isASCIISpace { offset &+= 1 }
        var isNegative = false
        if offset < end, bytes[offset] == UInt8(ascii: "-") || bytes[offset] == UInt8(ascii: "+") {
            isNegative = bytes[offset] == UInt8(ascii: "-")
            offset &+= 1
        }
        if form == .hexadecimal, offset &+ 2 < end, bytes[offset] == UInt8(ascii: "0"),
            bytes[offset &+ 1] | 0x20 == UInt8(ascii: "x"), bytes[offset &+ 2].hexDigitValue != nil
        {
            offset &+= 2
        }
        let first = offset
        var value: UInt64 = 0
        while offset < end, let digit = bytes[offset].hexDigitValue, UInt64(digit) < base {
            let (product, overflow) = value.multipliedReportingOverflow(by: base)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            if overflow || carry { return nil }
            value = sum
            offset &+= 1
        }
        return offset > first ? (isNegative ? 0 &- value : value, offset) : nil
    }
}

extension UInt8 {
    /// Space, tab, line feed, vertical tab, form feed, carriage return.
    @inline(__always) var isASCIISpace: Bool { self == 0x20 || self &- 9 < 5 }
}
