/// A moment of event time: nanoseconds since 1970-01-01T00:00:00 UTC, as packets are stamped.
///
/// The range is that of a signed 64-bit count, the years 1677 to 2262; arithmetic saturates at its
/// ends, since stamps come from untrusted captures.
public struct Timestamp: Hashable, Comparable, Sendable, BitwiseCopyable {
    /// Nanoseconds since 1970-01-01T00:00:00 UTC.
    public var nanoseconds: Int64

    /// Creates a moment from nanoseconds since 1970 UTC; every value is valid.
    @inline(__always) public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// The start of 1970, and the value of a clock that has not seen a packet.
    public static let epoch = Timestamp(nanoseconds: 0)
    /// Later than every packet.
    public static let distantFuture = Timestamp(nanoseconds: .max)

    /// Orders by value.
    @inline(__always) public static func < (a: Timestamp, b: Timestamp) -> Bool {
        a.nanoseconds < b.nanoseconds
    }

    /// This moment moved by a number of nanoseconds, saturating.
    @inline(__always) public func adding(nanoseconds delta: Int64) -> Timestamp {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(delta)
        return Timestamp(nanoseconds: overflow ? (delta < 0 ? .min : .max) : sum)
    }

    /// Nanoseconds from `earlier` to this moment, negative if that is later; saturating.
    @inline(__always) public func nanoseconds(since earlier: Timestamp) -> Int64 {
        let (difference, overflow) = nanoseconds.subtractingReportingOverflow(earlier.nanoseconds)
        return overflow ? (nanoseconds < earlier.nanoseconds ? .min : .max) : difference
    }
}

/// Nanoseconds in a second, for stamps and time-outs.
let nanosecondsPerSecond: Int64 = 1_000_000_000

extension Timestamp {
    /// The calendar fields of this moment in UTC (proleptic Gregorian calendar).
    struct CivilTime: Equatable {
        var year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int, nanosecond: Int
    }

    /// Splits into calendar fields. The day count is turned into a date by eras of 400 years, which
    /// start on 1 March so that the leap day comes last.
    var civilTime: CivilTime {
        let (seconds, nanosecond) = Self.floorDivide(Int(nanoseconds), Int(nanosecondsPerSecond))
        let (days, secondOfDay) = Self.floorDivide(seconds, 86_400)
        let shifted = days + 719_468
        let (era, dayOfEra) = Self.floorDivide(shifted, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return CivilTime(
            year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month: month,
            day: dayOfYear - (153 * monthFromMarch + 2) / 5 + 1, hour: secondOfDay / 3_600,
            minute: secondOfDay / 60 % 60, second: secondOfDay % 60, nanosecond: nanosecond)
    }

    /// The moment of a date and time of day in UTC; fields outside their ranges carry over.
    init(civil time: CivilTime) {
        let year = time.month <= 2 ? time.year - 1 : time.year
        let (era, yearOfEra) = Self.floorDivide(year, 400)
        let monthFromMarch = time.month > 2 ? time.month - 3 : time.month + 9
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + time.day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        let seconds = days * 86_400 + time.hour * 3_600 + time.minute * 60 + time.second
        let (whole, overflow) = Int64(seconds).multipliedReportingOverflow(by: nanosecondsPerSecond)
        self =
            overflow
            ? Timestamp(nanoseconds: seconds < 0 ? .min : .max)
            : Timestamp(nanoseconds: whole).adding(nanoseconds: Int64(time.nanosecond))
    }

    private static func floorDivide(_ value: Int, _ divisor: Int) -> (quotient: Int, remainder: Int)
    {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}

extension Timestamp: CustomStringConvertible {
    /// `2026-11-23T17:20:00.123456789Z`: always nine digits, so that text order is time order.
    public var description: String { text(fractionDigits: 9, zone: "Z") }

    func text(fractionDigits: Int, zone: String) -> String {
        let text = String(unsafeUninitializedCapacity: Self.textByteCountMax) { text in
            text.baseAddress.map { write(to: $0, fractionDigits: fractionDigits) } ?? 0
        }
        return text + zone
    }

    /// Bytes that `write` writes with nine digits after the point.
    static let textByteCountMax = 29

    /// Writes `2026-11-23T17:20:00.123456` with the given number of digits after the point
    /// (1...9), without a zone, and gives the number of bytes.
    func write(to text: UnsafeMutablePointer<UInt8>, fractionDigits: Int) -> Int {
        let time = civilTime
        var fraction = time.nanosecond
        for _ in fractionDigits..<9 { fraction /= 10 }
        var count = 0
        func append(_ value: Int, digits: Int, _ separator: StaticString) {
            var value = value
            for place in stride(from: count + digits - 1, through: count, by: -1) {
                text[place] = UInt8(truncatingIfNeeded: 48 + value % 10)
                value /= 10
            }
            count += digits
            guard separator.utf8CodeUnitCount > 0 else { return }
            text[count] = separator.utf8Start[0]
            count += 1
        }
        append(max(0, time.year), digits: 4, "-")
        append(time.month, digits: 2, "-")
        append(time.day, digits: 2, "T")
        append(time.hour, digits: 2, ":")
        append(time.minute, digits: 2, ":")
        append(time.second, digits: 2, ".")
        append(fraction, digits: fractionDigits, "")
        return count
    }
}
