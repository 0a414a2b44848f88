/// Undoes one content coding (RFC 9110 §8.4.1), piece by piece. Its memory is used again after
/// `reset`.
class Decompressor {
    enum Status {
        /// More input, or more room for output, is needed.
        case more
        /// The coding ended; what follows does not belong to it.
        case end
        /// The input is not of this coding, or damaged.
        case failed
        /// It would need more memory than it may have.
        case memoryLimit
    }

    /// Whether an end of the coding came, so that even nothing is something decoded.
    final var hasEnded = false

    /// Takes input from the front of `input` and writes what it stands for to the front of
    /// `output`.
    func step(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) -> (count: Int, status: Status) {
        (0, .failed)
    }

    /// Makes it as new.
    func reset() { hasEnded = false }
}

/// The codings that are undone.
enum ContentCoding: UInt8, CaseIterable {
    /// `gzip`, `x-gzip`, `deflate`: told apart by what comes, since servers confuse them.
    case deflate
    case brotli, lzma, zstandard

    /// Recognises a coding's name. `isExact` is false where a known name is only a part of it.
    /// NULs in it count for nothing.
    init?(_ list: RawSpan, _ word: Range<Int>, isExact: inout Bool) {
        if word.contains(where: { list.byte(at: $0) == 0 }) {
            let visible = word.prefix(64).compactMap {
                list.byte(at: $0) == 0 ? nil : list.byte(at: $0)
            }
            self.init(visible.span.bytes, 0..<visible.count, isExact: &isExact)
            isExact = false
            return
        }
        func isName(_ name: StaticString) -> Bool {
            list.matches(name, at: word.lowerBound, count: word.count)
        }
        isExact = true
        if isName("gzip") || isName("x-gzip") || isName("deflate") || isName("x-deflate") {
            self = .deflate
        } else if isName("br") {
            self = .brotli
        } else if isName("lzma") {
            self = .lzma
        } else if isName("zstd") {
            self = .zstandard
        } else {
            isExact = false
            var index = word.lowerBound
            while index < word.upperBound {
                if list.hasPrefix("gzip", at: index) || list.hasPrefix("deflate", at: index) {
                    self = .deflate
                    return
                }
                index &+= 1
            }
            return nil
        }
    }

    func makeDecompressor(memoryByteCountMax: Int) -> Decompressor {
        switch self {
        case .deflate: InflateDecompressor()
        case .brotli: BrotliDecompressor()
        case .lzma: LZMADecompressor(memoryByteCountMax: memoryByteCountMax)
        case .zstandard: ZstandardDecompressor()
        }
    }
}
