/// How an interface of a pcapng file counts time: options if_tsresol and if_tsoffset of its
/// description (pcapng §4.2).
struct PcapNGClock: Equatable {
    /// Ticks a second: 10^n, or 2^n where the highest bit is set. Microseconds where nothing is
    /// said.
    var resolution: UInt8 = 6 {
        didSet { unit = Unit(resolution: resolution) }
    }
    /// Seconds that the interface's stamps lag behind.
    var offsetSeconds: Int64 = 0
    private var unit = Unit.multiple(of: 1_000)

    private enum Unit: Equatable {
        /// A tick is so many nanoseconds.
        case multiple(of: UInt64)
        /// A nanosecond is so many ticks.
        case fraction(UInt64)
        /// A second is two to the power of so many ticks.
        case binary(UInt64)
        /// No number of ticks is a nanosecond.
        case none

        init(resolution: UInt8) {
            let exponent = Int(resolution & 0x7f)
            if resolution & 0x80 != 0 {
                self = .binary(UInt64(exponent))
            } else if exponent <= 9 {
                self = .multiple(of: Self.powerOfTen(9 - exponent))
            } else {
                // 10^19 is the last power of ten in 64 bits.
                self = exponent <= 28 ? .fraction(Self.powerOfTen(exponent - 9)) : .none
            }
        }

        private static func powerOfTen(_ exponent: Int) -> UInt64 {
            (0..<exponent).reduce(1) { power, _ in power * 10 }
        }
    }

    /// The moment of a stamp, saturating at the ends of `Timestamp`.
    @inline(__always) func timestamp(ticks: UInt64) -> Timestamp {
        let nanoseconds: UInt64
        switch unit {
        case .multiple(let factor):
            let (product, overflow) = ticks.multipliedReportingOverflow(by: factor)
            nanoseconds = overflow ? .max : product
        case .fraction(let divisor): nanoseconds = ticks / divisor
        case .binary(let exponent): nanoseconds = Self.binary(ticks, exponent)
        case .none: nanoseconds = 0
        }
        let time = Timestamp(nanoseconds: Int64(clamping: nanoseconds))
        if offsetSeconds == 0 { return time }
        let (offset, overflow) = offsetSeconds.multipliedReportingOverflow(by: nanosecondsPerSecond)
        return time.adding(nanoseconds: overflow ? (offsetSeconds < 0 ? .min : .max) : offset)
    }

    /// ticks * 10^9 / 2^exponent, in 128 bits.
    private static func binary(_ ticks: UInt64, _ exponent: UInt64) -> UInt64 {
        let product = ticks.multipliedFullWidth(by: UInt64(nanosecondsPerSecond))
        if exponent >= 64 { return product.high >> (exponent &- 64) }
        if product.high >> exponent != 0 { return .max }
        return product.high << (64 &- exponent) | product.low >> exponent
    }
}
