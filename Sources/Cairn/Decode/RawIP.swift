extension PacketDecoder {
    /// A packet without a link header, or one whose tunnel does not say which: the version field
    /// tells.
    ///
    /// - Throws: `DecodeError.truncated` if there is no byte, `.malformed` for a version other than
    ///   4 and 6.
    func decodeRawIP(
        _ bytes: RawSpan, at position: DecodePosition
    ) throws(DecodeError) -> DecodePosition {
        count(.raw)
        try bytes.extracting(position.range).require(1, else: .ipv4TooSmall)
        switch bytes.byte(at: position.offset) >> 4 {
        case 4: return DecodePosition(.ipv4, from: position.offset, to: position.end)
        case 6: return DecodePosition(.ipv6, from: position.offset, to: position.end)
        default: throw .malformed(.rawInvalidIPVersion)
        }
    }
}
