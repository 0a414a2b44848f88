/// The Huffman code of header strings (RFC 7541 §5.2, appendix B).
///
/// The code is canonical: among codes of one length, and from one length to the next, they count upwards in the order of
/// the symbols. So the lengths say everything; codes up to eight bits, nearly all of what headers hold, are looked up.
enum HPACKHuffman {
    /// Bits of each byte's code; the last is the end-of-string symbol's.
    private static let lengths: [UInt8] = [
        13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
        28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
        6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
        5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
        13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
        7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
        15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
        6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
        20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
        24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
        22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
        21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
        26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
        19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
        20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
        26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
        30,
    ]
    private static let endOfString = 256
    private static let lengthMax = 30

    /// What decoding needs, made of the lengths.
    private struct Table {
        /// By the first eight bits: the symbol and the length of its code, 0 if that is longer.
        var short = [(symbol: UInt8, length: UInt8)](repeating: (0, 0), count: 256)
        /// By length: its first code, and where its symbols begin in `symbols`; how many there are.
        var firsts = [UInt32](repeating: 0, count: lengthMax + 1)
        var starts = [Int](repeating: 0, count: lengthMax + 1)
        var counts = [UInt32](repeating: 0, count: lengthMax + 1)
        /// All symbols, by length and value.
        var symbols: [UInt16] = []

        init() {
            var code: UInt32 = 0
            for length in 1...lengthMax {
                code <<= 1
                firsts[length] = code
                starts[length] = symbols.count
                for (symbol, own) in lengths.enumerated() where Int(own) == length {
                    symbols.append(UInt16(symbol))
                    counts[length] += 1
                    if length <= 8 { fill(symbol, code, length) }
                    code += 1
                }
            }
        }

        private mutating func fill(_ symbol: Int, _ code: UInt32, _ length: Int) {
            let first = Int(code) << (8 - length)
            for index in first..<first + 1 << (8 - length) {
                short[index] = (UInt8(symbol), UInt8(length))
            }
        }
    }

    private static let table = Table()

    /// Appends what a range of bytes stands for to `output`, at most `byteCountMax` bytes of it. Whether the code is one:
    /// it ends with fewer than eight bits of the end-of-string code, all ones, and does not have that inside (§5.2).
    static func decode(
        _ bytes: RawSpan, _ range: Range<Int>, byteCountMax: Int, into output: HTTPBuffer
    ) -> Bool {
        // Bits not decoded yet, the next one highest.
        var bits: UInt64 = 0
        var bitCount = 0
        var position = range.lowerBound
        var count = 0
        while true {
            while bitCount <= 56, position < range.upperBound {
                bits |= UInt64(bytes.byte(at: position)) << UInt64(56 &- bitCount)
                bitCount &+= 8
                position &+= 1
            }
            guard bitCount > 0 else { return true }
            guard let (symbol, length) = next(bits), length <= bitCount else {
                // What is left are ones, and fewer than eight.
                return bitCount < 8 && ~bits >> UInt64(64 &- bitCount) == 0
            }
            guard symbol != endOfString else { return false }
            if count < byteCountMax { output.append(UInt8(truncatingIfNeeded: symbol)) }
            count &+= 1
            bits <<= UInt64(length)
            bitCount &-= length
        }
    }

    /// The symbol whose code the bits begin with, and the length of that; nil if it is none.
    @inline(__always) private static func next(_ bits: UInt64) -> (symbol: Int, length: Int)? {
        let short = table.short[Int(bits >> 56)]
        if short.length > 0 { return (Int(short.symbol), Int(short.length)) }
        for length in 9...lengthMax {
            let offset =
                UInt32(truncatingIfNeeded: bits >> UInt64(64 &- length)) &- table.firsts[length]
            if offset < table.counts[length] {
                return (Int(table.symbols[table.starts[length] &+ Int(offset)]), length)
            }
        }
        return nil
    }
}
