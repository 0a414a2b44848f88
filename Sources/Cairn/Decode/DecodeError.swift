/// Why a header could not be decoded.
enum DecodeError: Error, Equatable {
    /// The bytes end within a header: what that is called, and how many bytes it takes and there
    /// were.
    case truncated(DecodeAnomaly, needed: Int, available: Int)
    /// The header contradicts its standard so that nothing behind it can be found.
    case malformed(DecodeAnomaly)

    /// The name under which it is counted, and by which rules can ask for it.
    var anomaly: DecodeAnomaly {
        switch self {
        case .truncated(let anomaly, _, _), .malformed(let anomaly): anomaly
        }
    }
}

extension RawSpan {
    /// Checks that a header of fixed size is there.
    @inline(__always)
    func require(_ needed: Int, else anomaly: DecodeAnomaly) throws(DecodeError) {
        guard byteCount >= needed else {
            throw .truncated(anomaly, needed: needed, available: byteCount)
        }
    }
}
