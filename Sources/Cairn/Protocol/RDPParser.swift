/// Reads the opening of RDP connections: two packets of each end at most (RFC 1006 §6), then
/// nothing more is looked at. Where TLS begins the connection is handed over.
///
/// Of each direction one unfinished packet is kept, at most 65,535 bytes.
final class RDPParser: ProtocolParser {
    private var transaction: Transaction?
    private let sides = PerDirection(repeating: Side())

    /// One direction's packets.
    private struct Side {
        enum Stage { case negotiation, connect, done }

        var stage: Stage = .negotiation
        /// Header and beginning of a packet.
        var bytes: [UInt8] = []

        /// Bytes of the packet, of its header alone until that is there.
        var byteCount: Int { bytes.count < 4 ? 4 : max(4, Int(bytes[2]) << 8 | Int(bytes[3])) }
    }

    override func reset() {
        transaction = nil
        sides[.toServer] = Side()
        sides[.toClient] = Side()
    }

    // MARK: Framing

    override func parse(_ bytes: RawSpan, _ direction: Direction, into output: ParserOutput) {
        var position = 0
        while position < bytes.byteCount, sides[direction].stage != .done, !handsOver {
            if sides[direction].bytes.isEmpty, bytes.byte(at: position) != 3 {
                // A TLS record: the other end's choice of it was not seen.
                guard bytes.byte(at: position) == 0x16, sides[direction].stage == .connect else {
                    return fail(direction, output)
                }
                encrypt(output)
            } else {
                append(bytes, &position, direction)
                if sides[direction].bytes.count == sides[direction].byteCount {
                    readPacket(direction, output)
                }
            }
        }
        if handsOver { leftoverByteCount = bytes.byteCount &- position }
    }

    /// Takes bytes from an offset on: up to the end of the header, or of the packet.
    private func append(_ bytes: RawSpan, _ position: inout Int, _ direction: Direction) {
        let missing = sides[direction].byteCount &- sides[direction].bytes.count
        let end = position &+ min(missing, bytes.byteCount &- position)
        bytes.extracting(position..<end).withUnsafeBytes {
            sides[direction].bytes.append(contentsOf: $0)
        }
        position = end
    }

    override func skip(gap byteCount: UInt64, _ direction: Direction, into output: ParserOutput) {
        end(direction, output)
    }

    override func finish(_ direction: Direction, into output: ParserOutput) {
        if !sides[direction].bytes.isEmpty { return fail(direction, output) }
        end(direction, output)
    }

    /// Nothing more of a direction is looked at.
    private func end(_ direction: Direction, _ output: ParserOutput) {
        sides[direction].stage = .done
        sides[direction].bytes.removeAll()
        guard let transaction else { return }
        output.advance(transaction, direction, to: .complete)
        if transaction.isComplete { self.transaction = nil }
    }

    private func fail(_ direction: Direction, _ output: ParserOutput) {
        output.anomaly(RDP.Anomaly.malformedData.rawValue, direction, in: transaction)
        end(direction, output)
    }

    // MARK: Packets

    /// Reads the packet that is whole; a header alone is not one yet.
    private func readPacket(_ direction: Direction, _ output: ParserOutput) {
        var packet: [UInt8] = []
        swap(&packet, &sides[direction].bytes)
        guard packet.count >= 7 else { return fail(direction, output) }
        packet.withUnsafeBytes { packet in
            switch (sides[direction].stage, packet[5]) {
            case (.negotiation, 0xe0) where direction == .toServer:
                readRequest(packet.bytes, output)
            case (.negotiation, 0xd0) where direction == .toClient:
                readResponse(packet.bytes, output)
            case (.connect, _) where direction == .toServer:
                readConnectRequest(packet.bytes, output)
            case (.connect, _): readConnectResponse(packet.bytes, output)
            default: fail(direction, output)
            }
        }
    }

    private func opened(_ output: ParserOutput) -> Transaction {
        if let transaction { return transaction }
        let transaction = output.begin(RDP.definition, id: 0)
        self.transaction = transaction
        // An end that said its last before has nothing to add.
        if sides[.toServer].stage == .done { output.advance(transaction, .toServer, to: .complete) }
        if sides[.toClient].stage == .done { output.advance(transaction, .toClient, to: .complete) }
        return transaction
    }

    private func readRequest(_ packet: RawSpan, _ output: ParserOutput) {
        let transaction = opened(output)
        guard let request = RDPNegotiation(decoding: packet) else { return fail(.toServer, output) }
        transaction.storeRequest(request, packet)
        output.advance(transaction, .toServer, to: .line)
        sides[.toServer].stage = .connect
    }

    private func readResponse(_ packet: RawSpan, _ output: ParserOutput) {
        let transaction = opened(output)
        guard let response = RDPNegotiation(decoding: packet) else {
            return fail(.toClient, output)
        }
        transaction.storeResponse(response, output.text)
        output.advance(transaction, .toClient, to: .line)
        if response.type == 3 {
            end(.toClient, output)
            end(.toServer, output)
        } else if response.type == 2, response.value != 0 {
            encrypt(output)
        } else {
            sides[.toClient].stage = .connect
        }
    }

    /// TLS begins here, in both directions.
    private func encrypt(_ output: ParserOutput) {
        transaction?.storeEncryption()
        end(.toServer, output)
        end(.toClient, output)
        handsOver = true
    }

    private func readConnectRequest(_ packet: RawSpan, _ output: ParserOutput) {
        var connect = RDPConnect()
        let isInOrder = connect.decode(packet, isRequest: true)
        opened(output).storeConnectRequest(connect, packet, output.text)
        if isInOrder { end(.toServer, output) } else { fail(.toServer, output) }
    }

    private func readConnectResponse(_ packet: RawSpan, _ output: ParserOutput) {
        var connect = RDPConnect()
        let isInOrder = connect.decode(packet, isRequest: false)
        opened(output).storeConnectResponse(connect, packet, output.text)
        if isInOrder { end(.toClient, output) } else { fail(.toClient, output) }
    }
}
