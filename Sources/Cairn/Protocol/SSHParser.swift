/// Reads SSH up to the offer of algorithms of each end (RFC 4253 §4.2, §6, §7.1).
///
/// Kept of each direction is an unfinished line or packet, at most `packetByteCountMax` bytes. Of what
/// follows the offers only the types of messages are looked at, up to the one with which encryption begins.
final class SSHParser: ProtocolParser {
    /// Bytes of an identification line with its end (RFC 4253 §4.2).
    private static let lineByteCountMax = 255
    /// Lines that a server may send before it (RFC 4253 §4.2).
    private static let lineCountMax = 64
    /// Bytes of a packet (RFC 4253 §6.1).
    private static let packetByteCountMax = 35_000

    private var transaction: Transaction?
    private var hasBegun = false
    private let toServer = Side()
    private let toClient = Side()

    private enum State { case banner, packet, exchange, done }

    /// Types of messages (RFC 4253 §12).
    private enum Message {
        static let offer: UInt8 = 20
        static let newKeys: UInt8 = 21
    }

    private final class Side {
        var state = State.banner
        var lineCount = 0
        var isLineLong = false
        let bytes = HTTPBuffer()
        /// Bytes of a packet of the key exchange that are still to come.
        var remaining = 0
        var isEncrypted = false

        func reset() {
            state = .banner
            lineCount = 0
            isLineLong = false
            bytes.removeAll()
            remaining = 0
            isEncrypted = false
        }
    }

    override func reset() {
        transaction = nil
        hasBegun = false
        toServer.reset()
        toClient.reset()
    }

    private func side(_ direction: Direction) -> Side {
        direction == .toServer ? toServer : toClient
    }

    // MARK: Input

    override func parse(_ bytes: RawSpan, _ direction: Direction, into output: ParserOutput) {
        let side = side(direction)
        guard side.state != .done else { return }
        let transaction = begin(output)
        var position = 0
        while position < bytes.byteCount {
            switch side.state {
            case .banner: readLine(bytes, at: &position, side, direction, transaction, output)
            case .packet: readPacket(bytes, at: &position, side, direction, transaction, output)
            case .exchange: skipPacket(bytes, at: &position, side)
            case .done: return
            }
        }
    }

    override func skip(gap byteCount: UInt64, _ direction: Direction, into output: ParserOutput) {
        let transaction = begin(output)
        end(direction, transaction, output)
    }

    override func finish(_ direction: Direction, into output: ParserOutput) {
        // A server that says nothing is none to speak of, and the same for a client.
        let transaction = begin(output)
        end(direction, transaction, output)
    }

    private func begin(_ output: ParserOutput) -> Transaction? {
        if !hasBegun {
            hasBegun = true
            transaction = output.begin(SSH.definition, id: 0)
        }
        return transaction
    }

    /// Nothing more is read of a direction.
    private func end(_ direction: Direction, _ transaction: Transaction?, _ output: ParserOutput) {
        side(direction).state = .done
        side(direction).bytes.removeAll()
        guard let transaction else { return }
        output.advance(transaction, direction, to: .complete)
        if transaction.isComplete { self.transaction = nil }
    }

    // MARK: Identification

    private func readLine(
        _ bytes: RawSpan, at position: inout Int, _ side: Side, _ direction: Direction,
        _ transaction: Transaction?, _ output: ParserOutput
    ) {
        let feed = bytes.index(of: ASCII.lineFeed, from: position)
        let end = feed ?? bytes.byteCount
        let count = min(end &- position, Self.lineByteCountMax &- side.bytes.count)
        side.bytes.append(bytes.extracting(position..<position &+ count))
        if count < end &- position { side.isLineLong = true }
        position = feed.map { $0 &+ 1 } ?? end
        guard feed != nil else { return }
        takeLine(side, direction, transaction, output)
        side.bytes.removeAll()
        side.isLineLong = false
    }

    private func takeLine(
        _ side: Side, _ direction: Direction, _ transaction: Transaction?, _ output: ParserOutput
    ) {
        guard let transaction else { return }
        let line = side.bytes.bytes.bytes
        guard store(line, direction, transaction) else {
            if side.lineCount == 0 { report(.invalidBanner, direction, transaction, output) }
            side.lineCount &+= 1
            if side.lineCount >= Self.lineCountMax { end(direction, transaction, output) }
            return
        }
        if side.isLineLong { report(.longBanner, direction, transaction, output) }
        side.state = .packet
        output.advance(transaction, direction, to: .line)
    }

    /// Stores the parts of `SSH-protoversion-softwareversion SP comments`; whether it is such a line.
    private func store(_ line: RawSpan, _ direction: Direction, _ transaction: Transaction) -> Bool
    {
        guard case .yes = line.opens(with: "SSH-", isCased: true),
            let dash = line.index(of: UInt8(ascii: "-"), from: 4)
        else { return false }
        var end = dash &+ 1
        while end < line.byteCount, !line.byte(at: end).isWhitespace { end &+= 1 }
        let (proto, software) = (line.extracting(4..<dash), line.extracting(dash &+ 1..<end))
        let isClient = direction == .toServer
        transaction.fields.append(proto, to: SSHField.proto.rawValue)
        transaction.fields.append(software, to: SSHField.software.rawValue)
        transaction.fields.append(
            proto, to: (isClient ? SSHField.clientProto : .serverProto).rawValue)
        transaction.fields.append(
            software, to: (isClient ? SSHField.clientSoftware : .serverSoftware).rawValue)
        return true
    }

    // MARK: Packets

    private func readPacket(
        _ bytes: RawSpan, at position: inout Int, _ side: Side, _ direction: Direction,
        _ transaction: Transaction?, _ output: ParserOutput
    ) {
        guard let transaction else { return end(direction, nil, output) }
        let needed =
            side.bytes.count < 4
            ? 4 : 4 &+ Int(side.bytes.bytes.bytes.bigEndian(UInt32.self, at: 0))
        let count = min(needed &- side.bytes.count, bytes.byteCount &- position)
        side.bytes.append(bytes.extracting(position..<position &+ count))
        position &+= count
        let packet = side.bytes.bytes.bytes
        guard packet.byteCount >= 4 else { return }
        let byteCount = Int(packet.bigEndian(UInt32.self, at: 0))
        guard byteCount >= 2, byteCount <= Self.packetByteCountMax else {
            report(
                byteCount < 2 ? .invalidRecord : .longKexRecord, direction, transaction, output)
            return end(direction, transaction, output)
        }
        guard packet.byteCount == 4 &+ byteCount else { return }
        // The first packet that is no offer ends what can be read.
        let isOffer = packet.byte(at: 5) == Message.offer
        if isOffer, !storeOffer(packet, direction, transaction, output) {
            report(.invalidRecord, direction, transaction, output)
        }
        end(direction, transaction, output)
        if isOffer { side.state = .exchange }
    }

    /// Goes over a packet of the key exchange; when both ends have taken the new keys, everything is encrypted.
    private func skipPacket(_ bytes: RawSpan, at position: inout Int, _ side: Side) {
        let skipped = min(side.remaining, bytes.byteCount &- position)
        side.remaining &-= skipped
        position &+= skipped
        // Length, length of the padding, type.
        let count = min(6 &- side.bytes.count, bytes.byteCount &- position)
        guard count > 0 else { return }
        side.bytes.append(bytes.extracting(position..<position &+ count))
        position &+= count
        guard side.bytes.count == 6 else { return }
        let head = side.bytes.bytes.bytes
        let byteCount = Int(head.bigEndian(UInt32.self, at: 0))
        let type = head.byte(at: 5)
        side.bytes.removeAll()
        guard byteCount >= 2, byteCount <= Self.packetByteCountMax, type != Message.newKeys else {
            side.state = .done
            side.isEncrypted = type == Message.newKeys
            if toServer.isEncrypted, toClient.isEncrypted { opacity = .payload }
            return
        }
        side.remaining = byteCount &- 2
    }

    /// Stores the algorithms of a SSH_MSG_KEXINIT (RFC 4253 §7.1): behind the cookie ten lists of
    /// names; whether they are all there.
    private func storeOffer(
        _ packet: RawSpan, _ direction: Direction, _ transaction: Transaction,
        _ output: ParserOutput
    ) -> Bool {
        let padding = Int(packet.byte(at: 4))
        let end = packet.byteCount &- padding
        var position = 4 &+ 1 &+ 1 &+ 16
        let isClient = direction == .toServer
        let text = output.text
        text.removeAll()
        // Key exchange; encryption, MAC and compression of the direction.
        let wanted = isClient ? [0, 2, 4, 6] : [0, 3, 5, 7]
        for index in 0..<8 {
            guard end &- position >= 4 else { return false }
            let count = Int(packet.bigEndian(UInt32.self, at: position))
            position &+= 4
            guard count <= end &- position else { return false }
            if wanted.contains(index) {
                if index > 0 { text.append(ASCII.semicolon) }
                text.append(packet, position..<position &+ count)
            }
            position &+= count
        }
        transaction.fields.append(
            text.bytes, to: (isClient ? SSHField.hasshString : .hasshServerString).rawValue)
        output.md5.reset()
        output.md5.update(text.bytes)
        text.removeAll()
        for byte in output.md5.finish() { text.appendHex(byte) }
        transaction.fields.append(
            text.bytes, to: (isClient ? SSHField.hassh : .hasshServer).rawValue)
        return true
    }

    private func report(
        _ anomaly: SSH.Anomaly, _ direction: Direction, _ transaction: Transaction,
        _ output: ParserOutput
    ) {
        output.anomaly(anomaly.rawValue, direction, in: transaction)
    }
}
