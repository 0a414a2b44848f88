/// What streams a connection has, and what is noted of them and of the connection itself.
extension HTTP2Parser {
    /// The stream that a frame is on, opened if it is new; nil for the connection, and for what is left to say of a stream
    /// that was closed.
    func stream(
        _ frame: HTTP2Frame, _ direction: Direction, into output: ParserOutput
    ) -> HTTP2Stream? {
        guard frame.streamID != 0 else { return nil }
        if let known = open.last(where: { $0.id == frame.streamID }) { return known }
        // Clients open odd streams, servers even ones (§5.1.1), each higher than the last.
        let opener = frame.streamID & 1 == 1 ? request : response
        guard frame.streamID <= opener.lastStreamID else {
            // A priority may be given to what is not yet opened (§5.3).
            if frame.kind != .priority { opener.lastStreamID = frame.streamID }
            return begin(frame.streamID, into: output)
        }
        switch frame.kind {
        case .headers, .pushPromise:
            let stream = begin(frame.streamID, into: output)
            note(.streamIdReuse, stream, direction, into: output)
            return stream
        case .resetStream: return begin(frame.streamID, into: output)
        default: return nil
        }
    }

    private func begin(_ id: UInt32, into output: ParserOutput) -> HTTP2Stream {
        if open.count >= output.limits.openTransactionCountMax, let oldest = open.first {
            note(.tooManyStreams, oldest, .toServer, into: output)
            close(oldest, into: output)
        }
        let transaction = beginTransaction(into: output)
        transaction.fields.append(Int64(id), to: HTTPField.streamID.rawValue)
        // Until there is a message no event is written of it.
        transaction.isRecorded = true
        let stream = unused.popLast() ?? HTTP2Stream()
        stream.begin(id, transaction)
        for direction in [Direction.toServer, .toClient] where reader(direction).hasEnded {
            stream.side(direction).hasEnded = true
            output.advance(transaction, direction, to: .complete)
        }
        open.append(stream)
        return stream
    }

    private func beginTransaction(into output: ParserOutput) -> Transaction {
        let transaction = output.begin(HTTP.definition, as: HTTP2.definition, id: nextID)
        nextID &+= 1
        transaction.fields.append("2", to: HTTPField.version.rawValue)
        return transaction
    }

    /// Ends one direction of a stream as its sender says.
    func endStream(
        _ stream: HTTP2Stream, _ direction: Direction, into output: ParserOutput
    ) {
        endMessage(stream, direction, isTruncated: false, into: output)
        if stream.request.hasEnded, stream.response.hasEnded { close(stream, into: output) }
    }

    /// Ends a message: its transaction may yet get frames that are no part of it.
    func endMessage(
        _ stream: HTTP2Stream, _ direction: Direction, isTruncated: Bool, into output: ParserOutput
    ) {
        let side = stream.side(direction)
        guard !side.hasEnded, let transaction = stream.transaction else { return }
        side.hasEnded = true
        if side.hasBody {
            side.body.end(transaction, isTruncated: isTruncated, into: output)
            noteOddities(of: side.body, stream, direction, into: output)
        }
        if side.hasHead { output.advance(transaction, direction, to: .message) }
    }

    private func noteOddities(
        of body: HTTPBody, _ stream: HTTP2Stream, _ direction: Direction, into output: ParserOutput
    ) {
        var oddities = body.oddities
        body.oddities = 0
        while oddities != 0 {
            let index = oddities.trailingZeroBitCount
            oddities &= oddities &- 1
            if index == HTTPAnomaly.gzipDecompressionFailed.rawValue {
                note(.failedDecompression, stream, direction, into: output)
            } else {
                output.anomaly(index, direction, in: stream.transaction)
            }
        }
    }

    /// Ends a stream: its transaction is complete.
    func close(_ stream: HTTP2Stream, into output: ParserOutput) {
        endMessage(stream, .toServer, isTruncated: true, into: output)
        endMessage(stream, .toClient, isTruncated: true, into: output)
        if let transaction = stream.transaction {
            output.giveUp(transaction, .toServer)
            output.giveUp(transaction, .toClient)
        }
        stream.end()
        for reader in [request, response] where reader.stream === stream { reader.stream = nil }
        guard let place = open.lastIndex(where: { $0 === stream }) else { return }
        open.remove(at: place)
        unused.append(stream)
    }

    // MARK: The connection

    /// A transaction for what is said of the connection.
    func beginOnConnection(into output: ParserOutput) -> Transaction {
        let transaction = beginTransaction(into: output)
        transaction.fields.append(Int64(0), to: HTTPField.streamID.rawValue)
        storeLines(method: nil, path: nil, transaction)
        storeStatus(nil, transaction)
        return transaction
    }

    /// Ends it at once. No event is written of it: it is no exchange.
    func end(
        onConnection transaction: Transaction, _ direction: Direction, into output: ParserOutput
    ) {
        transaction.isRecorded = true
        output.advance(transaction, direction, to: .complete)
        output.giveUp(transaction, direction.reversed)
    }

    /// Notes an oddity that belongs to no stream.
    func noteOnConnection(
        _ anomaly: HTTP2Anomaly, _ direction: Direction, into output: ParserOutput
    ) {
        let transaction = beginOnConnection(into: output)
        output.anomaly(anomaly.index, direction, in: transaction)
        end(onConnection: transaction, direction, into: output)
    }

    /// Notes an oddity of a stream, once.
    func note(
        _ anomaly: HTTP2Anomaly, _ stream: HTTP2Stream, _ direction: Direction,
        into output: ParserOutput
    ) {
        let bit = UInt64(1) << UInt64(anomaly.rawValue)
        guard stream.anomaliesSeen & bit == 0 else { return }
        stream.anomaliesSeen |= bit
        output.anomaly(anomaly.index, direction, in: stream.transaction)
    }

    func note(
        _ anomaly: HTTP2Anomaly, _ stream: HTTP2Stream?, _ transaction: Transaction,
        _ direction: Direction, into output: ParserOutput
    ) {
        if let stream { return note(anomaly, stream, direction, into: output) }
        output.anomaly(anomaly.index, direction, in: transaction)
    }
}
