/// A test of a whole number, as Suricata's integer keywords write it: `5`, `!5`, `>=5`, `2-5`, `2<>5`, `!2-5`, `&0xc0=0x80`.
enum IntegerTest: Equatable, Sendable {
    case compare(Comparison, Int64)
    /// More than the first and less than the second.
    case between(Int64, Int64)
    /// At most the first or at least the second.
    case outside(Int64, Int64)
    /// The bits of a mask have a value.
    case bits(mask: Int64, value: Int64, isNegated: Bool)

    /// nil for anything else.
    ///
    /// - Parameter names: numbers that have a name, in lower case.
    init?(_ text: String, names: [String: Int64] = [:]) {
        let text = text.filter { $0 != " " }
        guard
            let test = Self.mask(text) ?? Self.range(text) ?? Self.comparison(text)
                ?? Self.named(text, names)
        else { return nil }
        self = test
    }

    /// The numbers that it names.
    var numbers: [Int64] {
        switch self {
        case .compare(_, let number): [number]
        case .between(let low, let high), .outside(let low, let high): [low, high]
        case .bits(let mask, let value, _): [mask, value]
        }
    }

    func holds(_ number: Int64) -> Bool {
        switch self {
        case .compare(let comparison, let other): comparison.holds(number, other)
        case .between(let low, let high): low < number && number < high
        case .outside(let low, let high): number <= low || high <= number
        case .bits(let mask, let value, let isNegated): (number & mask == value) != isNegated
        }
    }

    /// As tests of a field that all must hold. Those of a list must do so for the same of its values.
    func predicates(isList: Bool) -> [Predicate] {
        switch self {
        case .compare(let comparison, let number): [.number(comparison, number)]
        case .between(let low, let high) where !isList:
            [.number(.greater, low), .number(.less, high)]
        case .between, .outside, .bits: [.integer(self)]
        }
    }

    /// The same as a test of a value's size; nil if it cannot be said so.
    var sizeStep: SequenceStep? {
        switch self {
        case .compare(let comparison, let number): .size(comparison, number)
        case .between(let low, let high) where high - low > 1: .sizeRange(low + 1, high - 1)
        case .between, .outside, .bits: nil
        }
    }

    /// As rules write it.
    var text: String {
        switch self {
        case .compare(let comparison, let number):
            "\(Self.operators.first { $0.1 == comparison }?.0 ?? "")\(number)"
        case .between(let low, let high): "\(low)-\(high)"
        case .outside(let low, let high): "!\(low)-\(high)"
        case .bits(let mask, let value, let isNegated):
            "&0x\(String(mask, radix: 16))\(isNegated ? "!" : "")=0x\(String(value, radix: 16))"
        }
    }

    // MARK: Reading

    /// A number in decimal or hexadecimal digits, in bytes or units of them.
    static func number(_ text: some StringProtocol) -> Int64? {
        let lower = text.lowercased()
        let units: [(String, Int64)] = [
            ("kib", 1 << 10), ("kb", 1 << 10), ("mib", 1 << 20), ("mb", 1 << 20),
            ("gib", 1 << 30), ("gb", 1 << 30),
        ]
        if !lower.hasPrefix("0x"),
            let (name, factor) = units.first(where: { lower.hasSuffix($0.0) })
        {
            guard let count = Int64(lower.dropLast(name.count)) else { return nil }
            let (product, overflow) = count.multipliedReportingOverflow(by: factor)
            return overflow ? nil : product
        }
        return lower.hasPrefix("0x") ? Int64(lower.dropFirst(2), radix: 16) : Int64(lower)
    }

    private static func mask(_ text: String) -> IntegerTest? {
        guard text.hasPrefix("&"), let sign = text.firstIndex(where: { "!=".contains($0) }),
            let mask = number(text[..<sign].dropFirst())
        else { return nil }
        let isNegated = text[sign] == "!"
        let rest = text[sign...].dropFirst(isNegated ? 2 : 1)
        guard !isNegated || text[sign...].hasPrefix("!="), let value = number(rest),
            value & ~mask == 0
        else { return nil }
        return .bits(mask: mask, value: value, isNegated: isNegated)
    }

    private static func range(_ text: String) -> IntegerTest? {
        let isNegated = text.hasPrefix("!")
        let plain = isNegated ? text.dropFirst() : text[...]
        for separator in ["<>", "-"] {
            guard let place = plain.firstRange(of: separator), place.lowerBound > plain.startIndex,
                let low = number(plain[..<place.lowerBound]),
                let high = number(plain[place.upperBound...])
            else { continue }
            return isNegated ? .outside(low, high) : .between(low, high)
        }
        return nil
    }

    private static let operators: [(String, Comparison)] = [
        ("<=", .lessOrEqual), (">=", .greaterOrEqual), ("!=", .notEqual), ("!", .notEqual),
        ("<", .less), (">", .greater), ("=", .equal), ("", .equal),
    ]

    private static func comparison(_ text: String) -> IntegerTest? {
        for (sign, comparison) in operators where text.hasPrefix(sign) {
            return number(text.dropFirst(sign.count)).map { .compare(comparison, $0) }
        }
        return nil
    }

    private static func named(_ text: String, _ names: [String: Int64]) -> IntegerTest? {
        let isNegated = text.hasPrefix("!")
        return names[(isNegated ? text.dropFirst() : text[...]).lowercased()].map {
            .compare(isNegated ? .notEqual : .equal, $0)
        }
    }
}
