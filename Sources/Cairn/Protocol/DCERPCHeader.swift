/// The common header of connection-oriented PDUs ([C706] §12.6.3.1).
///
///      0               8              16              24            31  bit
///     +---------------+---------------+---------------+---------------+
///     |  version (5)  | minor version |     type      |     flags     |
///     +---------------+---------------+---------------+---------------+
///     |  data representation: integers and characters, floats, 0, 0   |
///     +-------------------------------+-------------------------------+
///     |        fragment length        |   length of authentication    |
///     +-------------------------------+-------------------------------+
///     |                            call id                            |
///     +---------------------------------------------------------------+
struct DCERPCHeader: Equatable, Sendable {
    static let byteCount = 16

    /// Types of PDUs ([C706] §12.6.4), and those of [MS-RPCE] and [MS-RPCH].
    enum PDUType: UInt8, Sendable {
        case request = 0
        case response = 2
        case fault = 3
        case bind = 11
        case bindAck = 12
        case bindNak = 13
        case alterContext = 14
        case alterContextResponse = 15
        case auth3 = 16
        case shutdown = 17
        case cancel = 18
        case orphaned = 19
        case rts = 20
    }

    struct Flags: OptionSet, Sendable {
        let rawValue: UInt8

        static let firstFragment = Flags(rawValue: 0x01)
        static let lastFragment = Flags(rawValue: 0x02)
        /// No response is expected.
        static let maybe = Flags(rawValue: 0x40)
        /// An object's identifier precedes the stub data.
        static let object = Flags(rawValue: 0x80)
    }

    let minorVersion: UInt8
    let type: PDUType
    let flags: Flags
    /// How numbers of the header and body are written.
    let isLittleEndian: Bool
    /// Bytes of the whole PDU, 16 and more.
    let fragmentByteCount: Int
    /// Bytes of the authentication token at the end, without the eight in front of it.
    let authByteCount: Int
    let callID: UInt32

    /// Reads the header at the start of `bytes`; nil if it is not all there, or is none.
    init?(decoding bytes: RawSpan) {
        guard bytes.byteCount >= Self.byteCount, bytes.byte(at: 0) == 5, bytes.byte(at: 1) <= 1,
            let type = PDUType(rawValue: bytes.byte(at: 2)),
            bytes.byte(at: 4) & ~0x11 == 0, bytes.byte(at: 5) <= 3,
            bytes.bigEndian(UInt16.self, at: 6) == 0
        else { return nil }
        minorVersion = bytes.byte(at: 1)
        self.type = type
        flags = Flags(rawValue: bytes.byte(at: 3))
        isLittleEndian = bytes.byte(at: 4) & 0x10 != 0
        fragmentByteCount = Int(bytes.dceUInt16(at: 8, isLittleEndian))
        authByteCount = Int(bytes.dceUInt16(at: 10, isLittleEndian))
        callID = bytes.dceUInt32(at: 12, isLittleEndian)
        let trailer = authByteCount > 0 ? authByteCount &+ 8 : 0
        guard fragmentByteCount >= Self.byteCount &+ trailer else { return nil }
    }

    /// Whether the client sends PDUs of this type; nil where both ends do.
    var isOfClient: Bool? {
        switch type {
        case .request, .bind, .alterContext, .auth3, .cancel, .orphaned: true
        case .response, .fault, .bindAck, .bindNak, .alterContextResponse, .shutdown: false
        case .rts: nil
        }
    }

    /// Where the body of a whole PDU ends: before the padding and the authentication
    /// ([MS-RPCE] §2.2.2.11).
    func bodyEnd(_ pdu: RawSpan) -> Int {
        guard authByteCount > 0 else { return pdu.byteCount }
        let trailer = pdu.byteCount &- authByteCount &- 8
        guard trailer >= Self.byteCount else { return Self.byteCount }
        return max(Self.byteCount, trailer &- Int(pdu.byte(at: trailer &+ 2)))
    }
}

extension DCERPCHeader.PDUType {
    /// The name of the type in EVE records.
    var name: StaticString {
        switch self {
        case .request: "REQUEST"
        case .response: "RESPONSE"
        case .fault: "FAULT"
        case .bind: "BIND"
        case .bindAck: "BINDACK"
        case .bindNak: "BINDNAK"
        case .alterContext: "ALTER_CONTEXT"
        case .alterContextResponse: "ALTER_CONTEXT_RESP"
        case .auth3: "AUTH3"
        case .shutdown: "SHUTDOWN"
        case .cancel: "CO_CANCEL"
        case .orphaned: "ORPHANED"
        case .rts: "RTS"
        }
    }
}

extension RawSpan {
    /// A number in the byte order of its sender.
    @inline(__always) func dceUInt16(at offset: Int, _ isLittleEndian: Bool) -> UInt16 {
        isLittleEndian ? littleEndian(at: offset) : bigEndian(at: offset)
    }

    /// A number in the byte order of its sender.
    @inline(__always) func dceUInt32(at offset: Int, _ isLittleEndian: Bool) -> UInt32 {
        isLittleEndian ? littleEndian(at: offset) : bigEndian(at: offset)
    }
}

/// Recognises DCE/RPC by the header of its first PDU.
enum DCERPCDetection {
    static func detect(_ start: RawSpan, _ direction: Direction) -> Detection {
        guard start.byteCount >= DCERPCHeader.byteCount else {
            return canBegin(start) ? .needMore : .no
        }
        guard let header = DCERPCHeader(decoding: start), let isOfClient = header.isOfClient
        else { return .no }
        return isOfClient == (direction == .toServer) ? .yes : .yesReversed
    }

    /// Whether less than a header can be its beginning.
    static func canBegin(_ start: RawSpan) -> Bool {
        (start.byteCount < 1 || start.byte(at: 0) == 5)
            && (start.byteCount < 2 || start.byte(at: 1) <= 1)
            && (start.byteCount < 3 || start.byte(at: 2) <= 20)
            && (start.byteCount < 5 || start.byte(at: 4) & ~0x11 == 0)
    }
}
