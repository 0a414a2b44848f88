/// Reads the clear part of TLS connections: records put together to handshake messages, until a
/// direction encrypts; then nothing but records' headers, up to the first one with application data.
///
/// Of each direction one unfinished message is kept, at most `messageByteCountMax` bytes and a
/// record.
final class TLSParser: ProtocolParser {
    /// Bytes of a record's fragment: 2^14, and 2,048 for compression and encryption (RFC 5246
    /// §6.2.3).
    static let recordByteCountMax = 16_384 + 2_048
    /// Bytes of a handshake message.
    static let messageByteCountMax = 1 << 16
    private static let applicationData: UInt8 = 23

    private var transaction: Transaction?
    private let sides = PerDirection(repeating: Side())
    // What the two ends have agreed on.
    private var clientSessionID: [UInt8] = []
    /// The version in the ServerHello, 0 before.
    private var version: UInt16 = 0
    private var isResumed = false
    private var hasServerCertificate = false
    /// Directions that began to encrypt.
    private var encryptingCount = 0
    /// How far the handshake is; nil before its first message.
    private var state: StaticString?

    /// One direction's records.
    private struct Side {
        enum Stage { case start, header, fragment, version2, sealed, opaque }

        var stage: Stage = .start
        /// Bytes of the header so far, the first one highest.
        var header: UInt64 = 0
        var headerByteCount = 0
        var type: UInt8 = 0
        /// Bytes of the record's fragment, and those still to come.
        var fragmentByteCount = 0
        var remaining = 0
        /// A handshake message, an SSLv2 message, or the start of an alert or heartbeat.
        var message: [UInt8] = []
        /// A ChangeCipherSpec came that may not mean what it says (TLS 1.3).
        var mayEncrypt = false

        /// The next byte begins a record.
        var isBetweenRecords: Bool { stage == .start || stage == .header && headerByteCount == 0 }

        /// Nothing more of it is in clear.
        var isOver: Bool { stage == .sealed || stage == .opaque }

        /// Bytes of the SSLv2 message, or of its length as long as that is not known.
        var version2ByteCount: Int {
            message.count < 2 ? 2 : 2 &+ (Int(message[0] & 0x7f) << 8 | Int(message[1]))
        }

        mutating func forget() {
            message.removeAll(keepingCapacity: true)
            let kept = message
            self = Side()
            message = kept
        }
    }

    override func reset() {
        transaction = nil
        sides[.toServer].forget()
        sides[.toClient].forget()
        clientSessionID.removeAll(keepingCapacity: true)
        version = 0
        isResumed = false
        hasServerCertificate = false
        encryptingCount = 0
        state = nil
    }

    // MARK: Records

    override func parse(_ bytes: RawSpan, _ direction: Direction, into output: ParserOutput) {
        meet(direction)
        if state != nil, sides[direction].isBetweenRecords { state = "none" }
        defer { meet(direction.reversed) }
        var position = 0
        while position < bytes.byteCount {
            switch sides[direction].stage {
            case .start: startRecords(bytes.byte(at: position), direction)
            case .header: readHeader(bytes, &position, direction, output)
            case .fragment: readFragment(bytes, &position, direction, output)
            case .version2: readVersion2(bytes, &position, direction, output)
            case .sealed: readSealed(bytes, &position, direction)
            case .opaque: return
            }
        }
    }

    override func skip(gap byteCount: UInt64, _ direction: Direction, into output: ParserOutput) {
        end(direction, output)
    }

    override func finish(_ direction: Direction, into output: ParserOutput) {
        end(direction, output)
    }

    /// SSLv2 begins with a length whose top bit is set, everything later with a content type.
    private func startRecords(_ first: UInt8, _ direction: Direction) {
        sides[direction].stage = first & 0x80 != 0 ? .version2 : .header
    }

    /// Reads the header of a record (RFC 8446 §5.1): type, version, length.
    private func readHeader(
        _ bytes: RawSpan, _ position: inout Int, _ direction: Direction, _ output: ParserOutput
    ) {
        var header = sides[direction].header
        var headerByteCount = sides[direction].headerByteCount
        while position < bytes.byteCount, headerByteCount < 5 {
            header = header << 8 | UInt64(bytes.byte(at: position))
            headerByteCount &+= 1
            position &+= 1
        }
        let isWhole = headerByteCount == 5
        sides[direction].header = isWhole ? 0 : header
        sides[direction].headerByteCount = isWhole ? 0 : headerByteCount
        guard isWhole else { return }
        let type = UInt8(truncatingIfNeeded: header >> 32)
        let byteCount = Int(header & 0xffff)
        if let anomaly = flaw(
            type: type, version: UInt16(truncatingIfNeeded: header >> 16), byteCount)
        {
            report(anomaly, direction, output)
            return end(direction, output)
        }
        if type == Self.applicationData {
            // It is encrypted always.
            encrypt(direction, output)
            return takeApplicationData()
        }
        sides[direction].type = type
        sides[direction].fragmentByteCount = byteCount
        sides[direction].remaining = byteCount
        if byteCount > 0 { sides[direction].stage = .fragment }
        if type != 22 { sides[direction].message.removeAll(keepingCapacity: true) }
    }

    /// Skips encrypted records until application data comes, or what is no record.
    private func readSealed(
        _ bytes: RawSpan, _ position: inout Int, _ direction: Direction
    ) {
        let skipped = min(sides[direction].remaining, bytes.byteCount &- position)
        sides[direction].remaining &-= skipped
        position &+= skipped
        while position < bytes.byteCount, sides[direction].headerByteCount < 5 {
            sides[direction].header =
                sides[direction].header << 8 | UInt64(bytes.byte(at: position))
            sides[direction].headerByteCount &+= 1
            position &+= 1
        }
        guard sides[direction].headerByteCount == 5 else { return }
        let header = sides[direction].header
        sides[direction].header = 0
        sides[direction].headerByteCount = 0
        let type = UInt8(truncatingIfNeeded: header >> 32)
        let version = UInt16(truncatingIfNeeded: header >> 16)
        sides[direction].remaining = Int(header & 0xffff)
        if flaw(type: type, version: version, sides[direction].remaining) != nil {
            sides[direction].stage = .opaque
        } else if type == Self.applicationData {
            takeApplicationData()
        }
    }

    /// With application data behind a handshake, payload says nothing any more; a client may send some before it has seen
    /// the end of the server's (RFC 7918).
    private func takeApplicationData() {
        guard encryptingCount > 0 && version != 0 || TLSNumbers.isVersion13(version) else { return }
        opacity = .payload
        for direction in [Direction.toServer, .toClient] where sides[direction].stage == .sealed {
            sides[direction].stage = .opaque
        }
    }

    private func flaw(type: UInt8, version: UInt16, _ byteCount: Int) -> TLS.Anomaly? {
        if !(20...24).contains(type) { return .invalidRecordType }
        if version >> 8 != 3 || version & 0xff > 4 { return .invalidRecordVersion }
        return byteCount > Self.recordByteCountMax ? .invalidRecordLength : nil
    }

    private func readFragment(
        _ bytes: RawSpan, _ position: inout Int, _ direction: Direction, _ output: ParserOutput
    ) {
        let count = min(sides[direction].remaining, bytes.byteCount &- position)
        let range = position..<position &+ count
        position = range.upperBound
        sides[direction].remaining &-= count
        if sides[direction].remaining == 0 { sides[direction].stage = .header }
        switch sides[direction].type {
        case 22:
            keep(bytes, range, direction)
            readMessages(direction, output)
        case 20: if sides[direction].remaining == 0 { changeCipher(direction, output) }
        case 21:
            keep(bytes, range, direction)
            if sides[direction].remaining == 0 { readAlert(direction, output) }
        case 24:
            if sides[direction].message.count < 3 { keep(bytes, range, direction) }
            if sides[direction].remaining == 0 { readHeartbeat(direction, output) }
        default: break
        }
    }

    private func keep(_ bytes: RawSpan, _ range: Range<Int>, _ direction: Direction) {
        bytes.extracting(range).withUnsafeBytes { sides[direction].message.append(contentsOf: $0) }
    }

    /// Below TLS 1.3 everything behind this record is encrypted. TLS 1.3 sends it for show (RFC
    /// 8446 §D.4), and a second ClientHello may follow in clear; so it does where the version is
    /// not known.
    private func changeCipher(_ direction: Direction, _ output: ParserOutput) {
        if version != 0, !TLSNumbers.isVersion13(version) {
            encrypt(direction, output)
        } else {
            sides[direction].mayEncrypt = true
        }
    }

    // MARK: Handshake messages

    /// Reads the messages that are all there: a type, a length of three bytes, a body (RFC 8446
    /// §4).
    private func readMessages(_ direction: Direction, _ output: ParserOutput) {
        // The bytes leave the parser while they are read.
        var message: [UInt8] = []
        swap(&message, &sides[direction].message)
        var consumed = 0
        while message.count &- consumed >= 4, !sides[direction].isOver {
            let start = consumed
            let byteCount = message.withUnsafeBytes { Int($0.bytes.bigEndian24(at: start &+ 1)) }
            if isEncrypted(type: message[start], byteCount, direction) {
                encrypt(direction, output)
                break
            }
            if byteCount > Self.messageByteCountMax {
                report(.handshakeInvalidLength, direction, output)
                end(direction, output)
                break
            }
            let end = start &+ 4 &+ byteCount
            guard end <= message.count else { break }
            message.withUnsafeBytes {
                readMessage($0[start], $0.bytes.extracting(start &+ 4..<end), direction, output)
            }
            output.endChunk(direction)
            consumed = end
        }
        message.removeFirst(consumed)
        if !sides[direction].isOver { swap(&message, &sides[direction].message) }
    }

    /// Behind a ChangeCipherSpec only a hello that fills its record is in clear.
    private func isEncrypted(type: UInt8, _ byteCount: Int, _ direction: Direction) -> Bool {
        guard sides[direction].mayEncrypt else { return false }
        return type != 1 && type != 2 || byteCount &+ 4 != sides[direction].fragmentByteCount
    }

    private func readMessage(
        _ type: UInt8, _ body: RawSpan, _ direction: Direction, _ output: ParserOutput
    ) {
        switch type {
        case 1 where direction == .toServer: readClientHello(body, output)
        case 2 where direction == .toClient: readServerHello(body, output)
        case 11: readCertificates(body, direction, output)
        case 12: note("server_keyx", output)
        // A CertificateRequest.
        case 13: if state != nil { state = "none" }
        case 16: note("client_keyx", output)
        // HelloRequest, NewSessionTicket, EndOfEarlyData, EncryptedExtensions, ServerHelloDone,
        // CertificateVerify, Finished, CertificateURL, CertificateStatus, SupplementalData,
        // KeyUpdate, CompressedCertificate, NextProtocol
        case 0, 4, 5, 8, 14, 15, 20, 21, 22, 23, 24, 25, 67: break
        default:
            report(.invalidHandshakeMessage, direction, output)
            end(direction, output)
        }
    }

    private func readClientHello(_ body: RawSpan, _ output: ParserOutput) {
        let hello = TLSHello(decoding: body, isClient: true)
        let transaction = current(output)
        // A second one answers a retry request and repeats the first.
        guard transaction.toServer < .headers else { return }
        clientSessionID = body.array(from: hello.sessionID.lowerBound, count: hello.sessionID.count)
        note("client_hello", output)
        transaction.storeClientHello(hello, body, output)
        if let flaw = hello.flaw { report(flaw, .toServer, output) }
        output.advance(transaction, .toServer, to: .headers)
    }

    private func readServerHello(_ body: RawSpan, _ output: ParserOutput) {
        let hello = TLSHello(decoding: body, isClient: false)
        version = hello.version
        if hello.isRetryRequest(body) {
            version = 0x0304
            return
        }
        let transaction = current(output)
        guard transaction.toClient < .headers else { return }
        if !TLSNumbers.isVersion(version) { report(.invalidRecordVersion, .toClient, output) }
        let hasSameSession =
            !clientSessionID.isEmpty
            && clientSessionID
                == body.array(from: hello.sessionID.lowerBound, count: hello.sessionID.count)
        isResumed = TLSNumbers.isVersion13(version) ? hello.hasPreSharedKey : hasSameSession
        note("server_hello", output)
        transaction.storeServerHello(hello, body, output)
        if let flaw = hello.flaw { report(flaw, .toClient, output) }
        output.advance(transaction, .toClient, to: .headers)
    }

    private func readCertificates(
        _ body: RawSpan, _ direction: Direction, _ output: ParserOutput
    ) {
        let transaction = current(output)
        if direction == .toClient { hasServerCertificate = true }
        let anomaly = transaction.storeCertificates(body, direction, output)
        output.advance(transaction, direction, to: .body)
        guard let anomaly else { return }
        report(anomaly, direction, output)
        report(.invalidHandshakeMessage, direction, output)
        end(direction, output)
    }

    /// Adds the name of a message to the list of those seen.
    private func note(_ state: StaticString, _ output: ParserOutput) {
        self.state = state
        current(output).add(state, to: .state)
    }

    /// Packets of a direction meet the handshake as it stands: those that bring bytes before these
    /// are read, those that acknowledge bytes after.
    private func meet(_ direction: Direction) {
        guard let state, let transaction else { return }
        transaction.add(state, to: direction == .toServer ? .clientState : .serverState)
    }

    // MARK: Alerts and heartbeats

    /// An alert in clear: level and description (RFC 8446 §6).
    private func readAlert(_ direction: Direction, _ output: ParserOutput) {
        defer { sides[direction].message.removeAll(keepingCapacity: true) }
        guard sides[direction].message.count == 2 else {
            // Longer ones are encrypted, which needs no ChangeCipherSpec where bytes were lost.
            if sides[direction].message.count > 2 { return encrypt(direction, output) }
            return report(.invalidAlertMessage, direction, output)
        }
        let description = sides[direction].message[1]
        output.text.removeAll()
        if let name = TLSNumbers.alertName(description) {
            output.text.append(name)
        } else {
            output.text.appendDecimal(description)
        }
        current(output).fields.append(output.text.bytes, to: TLSField.alert.rawValue)
    }

    private static let heartbeatPaddingByteCountMin = 16

    /// A heartbeat in clear (RFC 6520 §4): a type, a payload length, the payload, at least 16 bytes
    /// of padding. One that announces more payload than it has is the attack called Heartbleed.
    private func readHeartbeat(_ direction: Direction, _ output: ParserOutput) {
        defer { sides[direction].message.removeAll(keepingCapacity: true) }
        guard !sides[direction].mayEncrypt else { return }
        let start = sides[direction].message.prefix(3)
        guard start.count == 3, start[0] == 1 || start[0] == 2 else {
            return report(.invalidHeartbeatMessage, direction, output)
        }
        let payloadByteCount = Int(start[1]) << 8 | Int(start[2])
        let paddingByteCount = sides[direction].fragmentByteCount &- 3 &- payloadByteCount
        if paddingByteCount < 0 {
            report(.overflowHeartbeatMessage, direction, output)
        } else if paddingByteCount < Self.heartbeatPaddingByteCountMin {
            report(.invalidHeartbeatMessage, direction, output)
        } else {
            report(.heartbeatMessage, direction, output)
        }
    }

    // MARK: SSLv2

    /// Collects one SSLv2 message: two bytes of length, then a type. Only the opening messages are
    /// read; behind the client's TLS may follow, behind the server's everything is encrypted.
    private func readVersion2(
        _ bytes: RawSpan, _ position: inout Int, _ direction: Direction, _ output: ParserOutput
    ) {
        let wanted = sides[direction].version2ByteCount
        let count = min(wanted &- sides[direction].message.count, bytes.byteCount &- position)
        keep(bytes, position..<position &+ count, direction)
        position &+= count
        guard sides[direction].message.count == sides[direction].version2ByteCount else { return }
        var message: [UInt8] = []
        swap(&message, &sides[direction].message)
        message.withUnsafeBytes {
            readVersion2Message($0.bytes.extracting(2..<$0.count), direction, output)
        }
    }

    private func readVersion2Message(
        _ body: RawSpan, _ direction: Direction, _ output: ParserOutput
    ) {
        switch body.byteCount > 0 ? body.byte(at: 0) : 0xff {
        case 1 where direction == .toServer && body.byteCount >= 3:
            let transaction = current(output)
            note("client_hello", output)
            transaction.storeOfferedVersion(body.bigEndian(at: 1), output.text)
            sides[direction].stage = .start
            output.advance(transaction, .toServer, to: .headers)
        case 4 where direction == .toClient:
            let transaction = current(output)
            version = 2
            note("server_hello", output)
            transaction.storeNegotiatedVersion(2, output.text)
            output.advance(transaction, .toClient, to: .headers)
            end(direction, output)
        case 0:
            report(.errorMessageEncountered, direction, output)
            end(direction, output)
        case 2 where direction == .toServer: end(direction, output)
        default:
            report(.invalidSSLv2Header, direction, output)
            end(direction, output)
        }
    }

    // MARK: The transaction

    /// The transaction of the handshake, begun when first asked for.
    private func current(_ output: ParserOutput) -> Transaction {
        if let transaction { return transaction }
        let transaction = output.begin(TLS.definition, id: 0)
        self.transaction = transaction
        if sides[.toServer].isOver {
            output.advance(transaction, .toServer, to: .complete)
        }
        if sides[.toClient].isOver {
            output.advance(transaction, .toClient, to: .complete)
        }
        return transaction
    }

    private func report(
        _ anomaly: TLS.Anomaly, _ direction: Direction, _ output: ParserOutput
    ) {
        output.anomaly(anomaly.rawValue, direction, in: current(output))
    }

    /// The direction is encrypted from here on.
    private func encrypt(_ direction: Direction, _ output: ParserOutput) {
        guard !sides[direction].isOver else { return }
        meet(direction.reversed)
        encryptingCount &+= 1
        let remaining = sides[direction].remaining
        end(direction, output)
        guard opacity == .clear else { return }
        sides[direction].stage = .sealed
        sides[direction].remaining = remaining
    }

    /// Looks at nothing more in a direction: it encrypts, it is broken, or it is over.
    private func end(_ direction: Direction, _ output: ParserOutput) {
        guard !sides[direction].isOver else { return }
        sides[direction].forget()
        sides[direction].stage = .opaque
        let isDone = sides[.toServer].isOver && sides[.toClient].isOver
        guard let transaction else { return }
        meet(direction.reversed)
        if direction == .toClient, version != 0 {
            let isWithout = isResumed && !hasServerCertificate
            transaction.fields.append(isWithout ? 1 : 0, to: TLSField.isResumed.rawValue)
        }
        if isDone {
            let isEstablished = encryptingCount == 2
            transaction.fields.append(isEstablished ? 1 : 0, to: TLSField.isEstablished.rawValue)
            self.transaction = nil
        }
        output.advance(transaction, direction, to: .complete)
    }
}
