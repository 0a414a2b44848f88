/// A decimal number as an exact count of millionths, so that sums and comparisons do not round.
///
/// Magnitudes stay below 2^95 millionths (about 4 × 10^22): the sum of 2^31 of them fits 128 bits.
struct ExactNumber: Hashable, Comparable, Sendable {
    /// The number times 10^6.
    var millionths: Int128

    static let perUnit: Int128 = 1_000_000
    private static let magnitudeMax: Int128 = 1 << 95

    /// Nil if the magnitude is too large.
    init?(millionths: Int128) {
        guard millionths.magnitude < Self.magnitudeMax.magnitude else { return nil }
        self.millionths = millionths
    }

    /// A whole number; every 64-bit one fits.
    init(_ value: Int64) { millionths = Int128(value) * Self.perUnit }

    /// The nearest number of millionths, ties to even; nil if not finite or too large.
    init?(_ value: Double) {
        let scaled = (value * 1e6).rounded(.toNearestOrEven)
        guard let millionths = Int128(exactly: scaled) else { return nil }
        self.init(millionths: millionths)
    }

    /// Parses plain decimal text with at most six digits after the point, which `appendText`
    /// writes; nil for other text and for what is too large.
    init?(plain text: UnsafeRawBufferPointer) {
        var index = 0
        let isNegative = text.first == UInt8(ascii: "-")
        if isNegative { index = 1 }
        var value: UInt64 = 0
        var wide: Int128 = 0
        var digitCount = 0
        var fractionCount = -1
        while index < text.count {
            let digit = text[index] &- 48
            if digit < 10 {
                // The first 18 digits fit 64 bits, which multiply faster.
                if digitCount < 18 {
                    value = value &* 10 &+ UInt64(digit)
                } else {
                    guard digitCount < 30 else { return nil }
                    if digitCount == 18 { wide = Int128(value) }
                    wide = wide &* 10 &+ Int128(digit)
                }
                digitCount += 1
                if fractionCount >= 0 { fractionCount += 1 }
            } else {
                guard text[index] == UInt8(ascii: "."), fractionCount < 0, digitCount > 0 else {
                    return nil
                }
                fractionCount = 0
            }
            index += 1
        }
        guard digitCount > 0, fractionCount != 0, fractionCount <= 6 else { return nil }
        var scaled = digitCount <= 18 ? Int128(value) : wide
        for _ in max(0, fractionCount)..<6 { scaled = scaled &* 10 }
        self.init(millionths: isNegative ? -scaled : scaled)
    }

    static func < (a: ExactNumber, b: ExactNumber) -> Bool { a.millionths < b.millionths }

    /// Plain decimal text without superfluous zeros: `-0.25`, `80`.
    var text: String { plainText(ofMillionths: millionths) }
}

/// Millionths as plain decimal text without superfluous zeros: `-0.25`, `80`.
func plainText(ofMillionths millionths: Int128) -> String {
    // Nearly all are whole and fit 64 bits, which divide many times faster.
    if let small = Int64(exactly: millionths), small % 1_000_000 == 0 {
        return (small / 1_000_000).description
    }
    var bytes: [UInt8] = []
    appendPlainText(ofMillionths: millionths, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
}

private func appendPlainText(ofMillionths millionths: Int128, to bytes: inout [UInt8]) {
    if millionths < 0 { bytes.append(UInt8(ascii: "-")) }
    let (whole, fraction) = millionths.magnitude.quotientAndRemainder(dividingBy: 1_000_000)
    bytes.append(contentsOf: whole.description.utf8)
    guard fraction > 0 else { return }
    bytes.append(UInt8(ascii: "."))
    var rest = UInt64(fraction)
    var divisor: UInt64 = 100_000
    while rest > 0 {
        bytes.append(UInt8(truncatingIfNeeded: 48 &+ rest / divisor))
        rest %= divisor
        divisor /= 10
    }
}

/// The `Double` nearest to JSON number text (RFC 8259 §6); not finite if it is out of range.
func parseDouble(_ text: UnsafeRawBufferPointer) -> Double {
    // Up to 15 digits and a small power of ten are exact doubles, and so is their quotient
    // correctly rounded.
    var mantissa: UInt64 = 0
    var digitCount = 0
    var fractionCount = -1
    var isSimple = true
    for (index, byte) in text.enumerated() {
        if byte &- 48 < 10 {
            mantissa = mantissa &* 10 &+ UInt64(byte &- 48)
            digitCount += 1
            if fractionCount >= 0 { fractionCount += 1 }
        } else if byte == UInt8(ascii: "."), fractionCount < 0 {
            fractionCount = 0
        } else if !(byte == UInt8(ascii: "-") && index == 0) {
            isSimple = false
        }
    }
    if isSimple, digitCount <= 15 {
        var divisor = 1.0
        for _ in 0..<max(0, fractionCount) { divisor *= 10 }
        let value = Double(mantissa) / divisor
        return text.first == UInt8(ascii: "-") ? -value : value
    }
    return Double(String(decoding: text, as: UTF8.self)) ?? .nan
}
