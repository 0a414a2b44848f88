/// The calls between one client and one server ([C706] chapter 12): what goes over a TCP
/// connection, or through a named pipe.
///
/// Of each direction one unfinished PDU is kept, at most 65,535 bytes. Calls wait for their
/// response in a list of at most `openTransactionCountMax`, presentation contexts in one of
/// `contextCountMax`; beyond either the oldest is given up.
final class DCERPCAssociation {
    /// Presentation contexts that are kept.
    static let contextCountMax = 256
    /// Bytes of stub data that are kept, each direction of a call.
    static let stubByteCountMax = 1 << 20
    /// Bytes of stub data that are kept of all open calls.
    static let storedByteCountMax = 4 << 20

    /// PDUs that were read.
    private(set) var readCount = 0
    /// An AUTH3 was seen: Suricata does not know it, and reads nothing behind it.
    private(set) var isAuthenticated = false
    let numbers: TransactionNumbers
    /// The pipe as it was opened; empty over TCP, or if that was not seen.
    private(set) var pipe: [UInt8] = []
    /// The pipe as the server calls it.
    private var serverPipe: [UInt8] = []
    @exclusivity(unchecked) private var toServer = Side()
    @exclusivity(unchecked) private var toClient = Side()
    private var contexts: [Context] = []
    private var calls: [Call] = []

    init(_ numbers: TransactionNumbers = TransactionNumbers()) { self.numbers = numbers }

    /// The PDUs of one direction.
    private struct Side {
        /// The beginning of a PDU.
        var bytes: [UInt8] = []
        /// Bytes of that PDU; 0 as long as its header is not all there.
        var byteCount = 0
        /// Bytes to be passed over: the rest of a PDU of which a part is missing.
        var skippedByteCount: UInt64 = 0
        /// Where PDUs begin is not known.
        var isLost = false
        var hasEnded = false

        mutating func forget() {
            bytes.removeAll(keepingCapacity: true)
            byteCount = 0
            skippedByteCount = 0
            isLost = false
        }

        /// Takes bytes from an offset on: up to the end of the header, or of the PDU.
        mutating func append(_ source: RawSpan, at position: inout Int) {
            let wanted = byteCount == 0 ? DCERPCHeader.byteCount : byteCount
            let count = min(wanted &- bytes.count, source.byteCount &- position)
            source.extracting(position..<position &+ count).withUnsafeBytes {
                bytes.append(contentsOf: $0)
            }
            position &+= count
        }

        /// Drops bytes up to the next one that a PDU could begin with.
        mutating func dropToNextStart() {
            let next = bytes.dropFirst().firstIndex(of: 5) ?? bytes.count
            bytes.removeFirst(next)
        }
    }

    /// A presentation context: the number by which requests name an interface ([C706] §12.6.3).
    fileprivate struct Context {
        enum State { case offered, accepted, refused }

        var id: UInt16
        var uuid: DCERPCUUID
        var majorVersion: UInt16
        /// Place of the interface among those that are known, -1 if it is not.
        var interface: Int32
        /// The call that offered it.
        var callID: UInt32
        var state: State = .offered
    }

    private struct Call {
        var id: UInt32
        var isBind: Bool
        var transaction: Transaction
        var requestFragmentCount = 0
        var requestByteCount = 0
        var responseFragmentCount = 0
        var responseByteCount = 0
        var hasRequestEnded = false

        /// Bytes of stub data that are kept, at most.
        var storedByteCount: Int {
            min(requestByteCount, stubByteCountMax) &+ min(responseByteCount, stubByteCountMax)
        }
    }

    /// Begins a pipe that was opened under a name.
    func begin(pipe name: [UInt8]) {
        pipe.removeAll(keepingCapacity: true)
        pipe.append(contentsOf: name)
    }

    func reset() {
        readCount = 0
        isAuthenticated = false
        toServer.forget()
        toServer.hasEnded = false
        toClient.forget()
        toClient.hasEnded = false
        pipe.removeAll(keepingCapacity: true)
        serverPipe.removeAll(keepingCapacity: true)
        contexts.removeAll(keepingCapacity: true)
        calls.removeAll(keepingCapacity: true)
    }
}

// MARK: - Framing

extension DCERPCAssociation {
    /// Takes the next bytes of one direction.
    func parse(_ bytes: RawSpan, _ direction: Direction, into output: ParserOutput) {
        // The unfinished PDU leaves the association while its bytes are read.
        var side = Side()
        exchange(&side, direction)
        defer { exchange(&side, direction) }
        var position = 0
        if side.skippedByteCount > 0 {
            let count = min(side.skippedByteCount, UInt64(bytes.byteCount))
            side.skippedByteCount &-= count
            position = Int(truncatingIfNeeded: count)
        }
        while position < bytes.byteCount {
            if side.bytes.isEmpty, !side.isLost {
                let rest = bytes.extracting(position..<bytes.byteCount)
                if let header = DCERPCHeader(decoding: rest),
                    header.fragmentByteCount <= rest.byteCount
                {
                    let pdu = rest.extracting(0..<header.fragmentByteCount)
                    read(header, pdu, direction, output)
                    position &+= header.fragmentByteCount
                    continue
                }
            }
            side.append(bytes, at: &position)
            readCollected(&side, direction, output)
        }
    }

    /// Reads the PDU that was put together, if it is whole.
    private func readCollected(
        _ side: inout Side, _ direction: Direction, _ output: ParserOutput
    ) {
        guard side.bytes.count >= DCERPCHeader.byteCount else { return }
        guard let header = side.bytes.withUnsafeBytes({ DCERPCHeader(decoding: $0.bytes) }) else {
            if !side.isLost { reportAlone(.malformedData, direction, output) }
            side.isLost = true
            return side.dropToNextStart()
        }
        side.isLost = false
        side.byteCount = header.fragmentByteCount
        guard side.bytes.count == side.byteCount else { return }
        side.bytes.withUnsafeBytes { read(header, $0.bytes, direction, output) }
        side.bytes.removeAll(keepingCapacity: true)
        side.byteCount = 0
    }

    /// Bytes of one direction are missing: the PDU that they belong to is lost; if they reach
    /// beyond it, or it is not known which, the next one is searched for.
    func skip(gap byteCount: UInt64, _ direction: Direction) {
        var side = Side()
        exchange(&side, direction)
        defer { exchange(&side, direction) }
        let rest =
            side.skippedByteCount > 0
            ? side.skippedByteCount : UInt64(max(0, side.byteCount &- side.bytes.count))
        side.forget()
        if byteCount <= rest {
            side.skippedByteCount = rest &- byteCount
        } else {
            side.isLost = true
        }
    }

    private func exchange(_ side: inout Side, _ direction: Direction) {
        if direction == .toServer {
            swap(&side, &toServer)
        } else {
            swap(&side, &toClient)
        }
    }

    /// One direction ended: what is unfinished in it is complete as it stands.
    func finish(_ direction: Direction, into output: ParserOutput) {
        var side = Side()
        exchange(&side, direction)
        side.forget()
        side.hasEnded = true
        exchange(&side, direction)
        for index in calls.indices where !calls[index].hasRequestEnded && toServer.hasEnded {
            endRequest(index, output)
        }
        var keptCount = 0
        for index in calls.indices {
            if toClient.hasEnded, calls[index].hasRequestEnded {
                endResponse(calls[index], output)
            } else {
                calls[keptCount] = calls[index]
                keptCount &+= 1
            }
        }
        calls.removeLast(calls.count &- keptCount)
    }
}

// MARK: - PDUs

extension DCERPCAssociation {
    private func read(
        _ header: DCERPCHeader, _ pdu: RawSpan, _ direction: Direction, _ output: ParserOutput
    ) {
        readCount &+= 1
        if let isOfClient = header.isOfClient, isOfClient != (direction == .toServer) {
            let anomaly: DCERPC.Anomaly = isOfClient ? .requestToClient : .responseToServer
            return reportAlone(anomaly, direction, output)
        }
        switch header.type {
        case .request: readRequest(header, pdu, output)
        case .bind, .alterContext: readBind(header, pdu, output)
        case .response: readResponse(header, pdu, output)
        case .fault: readFault(header, pdu, output)
        case .bindAck, .alterContextResponse: readBindAnswer(header, pdu, output)
        case .bindNak: readBindRefusal(header, output)
        case .auth3: isAuthenticated = true
        case .cancel, .orphaned, .shutdown, .rts: break
        }
    }

    // MARK: Requests

    /// A request: allocation hint, context, operation, perhaps an object, stub data ([C706]
    /// §12.6.4.9).
    private func readRequest(_ header: DCERPCHeader, _ pdu: RawSpan, _ output: ParserOutput) {
        let start = header.flags.contains(.object) ? 40 : 24
        let end = header.bodyEnd(pdu)
        guard start <= end else { return reportAlone(.malformedData, .toServer, output) }
        var index = calls.firstIndex { $0.id == header.callID && !$0.isBind }
        if let old = index, calls[old].hasRequestEnded || header.flags.contains(.firstFragment) {
            // The number is used again: nothing more comes for the earlier call.
            giveUp(old, output)
            index = nil
        }
        let place = index ?? beginCall(header, pdu, output)
        append(pdu, start..<end, .toServer, place)
        guard header.flags.contains(.lastFragment) else {
            return output.advance(calls[place].transaction, .toServer, to: .headers)
        }
        endRequest(place, output)
        let isOver = output.openTransactionCount > output.limits.waitingTransactionCountMax
        if isOver { report(.tooManyCalls, .toServer, calls[place].transaction, output) }
        if header.flags.contains(.maybe) || toClient.hasEnded || isOver { giveUp(place, output) }
    }

    /// Begins the transaction of a request, and names what it calls.
    private func beginCall(
        _ header: DCERPCHeader, _ pdu: RawSpan, _ output: ParserOutput
    ) -> Int {
        let place = append(header, isBind: false, output)
        let transaction = calls[place].transaction
        let opnum = pdu.dceUInt16(at: 22, header.isLittleEndian)
        let contextID = pdu.dceUInt16(at: 20, header.isLittleEndian)
        transaction.set(.requestType, header.type.name)
        let context = contexts.last { $0.id == contextID && $0.state != .refused }
        var interface = context?.interface ?? -1
        if let context {
            output.text.removeAll()
            output.text.append(context.uuid)
            transaction.set(.interface, output.text)
            transaction.set(.interfaceVersion, Int64(context.majorVersion))
        } else if contexts.isEmpty {
            // The bind was not seen: what the pipe is for tells the interface.
            interface = DCERPCInterface.usual(ofPipe: pipe)
        }
        if interface >= 0 {
            DCERPCInterface.all[Int(interface)].describe(opnum, in: transaction)
        }
        transaction.set(.opnum, Int64(opnum))
        return place
    }

    /// Begins a call: its transaction, with what is known from the header.
    private func append(
        _ header: DCERPCHeader, isBind: Bool, _ output: ParserOutput
    ) -> Int {
        if calls.count >= output.limits.openTransactionCountMax {
            report(.tooManyCalls, .toServer, calls[0].transaction, output)
            giveUp(0, output)
        }
        let transaction = output.begin(DCERPC.definition, id: numbers.take())
        transaction.set(.callID, Int64(header.callID))
        output.text.removeAll()
        output.text.append("5.")
        output.text.appendDecimal(header.minorVersion)
        transaction.set(.rpcVersion, output.text)
        transaction.addPipe(pipe)
        transaction.addPipe(serverPipe)
        calls.append(Call(id: header.callID, isBind: isBind, transaction: transaction))
        return calls.count &- 1
    }

    /// Adds a fragment's stub data to its call, up to the limit.
    private func append(
        _ pdu: RawSpan, _ range: Range<Int>, _ direction: Direction, _ place: Int
    ) {
        let isRequest = direction == .toServer
        let before = isRequest ? calls[place].requestByteCount : calls[place].responseByteCount
        var stored = 0
        for index in calls.indices { stored &+= calls[index].storedByteCount }
        let room = min(Self.stubByteCountMax &- before, Self.storedByteCountMax &- stored)
        let kept = max(0, min(range.count, room))
        let field: DCERPCField = isRequest ? .requestStub : .responseStub
        pdu.extracting(range.lowerBound..<range.lowerBound &+ kept).withUnsafeBytes {
            calls[place].transaction.fields.extend(field.rawValue, with: $0)
        }
        if isRequest {
            calls[place].requestFragmentCount &+= 1
            calls[place].requestByteCount &+= range.count
        } else {
            calls[place].responseFragmentCount &+= 1
            calls[place].responseByteCount &+= range.count
        }
    }

    private func endRequest(_ place: Int, _ output: ParserOutput) {
        calls[place].hasRequestEnded = true
        let call = calls[place]
        if call.requestFragmentCount > 0 {
            call.transaction.set(.requestFragmentCount, Int64(call.requestFragmentCount))
            call.transaction.set(.requestByteCount, Int64(call.requestByteCount))
            call.transaction.shareStub(.requestStub)
        }
        output.advance(call.transaction, .toServer, to: .complete)
    }

    // MARK: Responses

    /// A response: allocation hint, context, count of cancels, stub data ([C706] §12.6.4.10).
    private func readResponse(_ header: DCERPCHeader, _ pdu: RawSpan, _ output: ParserOutput) {
        let end = header.bodyEnd(pdu)
        guard end >= 24 else { return reportAlone(.malformedData, .toClient, output) }
        let place = answered(header, isBind: false, output)
        append(pdu, 24..<end, .toClient, place)
        if header.flags.contains(.lastFragment) {
            endResponse(calls.remove(at: place), output)
        } else {
            output.advance(calls[place].transaction, .toClient, to: .headers)
        }
    }

    /// A fault: like a response, with the reason ([C706] §12.6.4.7).
    private func readFault(_ header: DCERPCHeader, _ pdu: RawSpan, _ output: ParserOutput) {
        let place = answered(header, isBind: false, output)
        if pdu.byteCount >= 28 {
            output.text.removeAll()
            output.text.appendHexNumber(pdu.dceUInt32(at: 24, header.isLittleEndian))
            calls[place].transaction.set(.faultStatus, output.text)
        }
        endResponse(calls.remove(at: place), output)
    }

    /// The call that a PDU of the server belongs to; a new one, if its request was not seen.
    private func answered(
        _ header: DCERPCHeader, isBind: Bool, _ output: ParserOutput
    ) -> Int {
        let place =
            calls.firstIndex { $0.id == header.callID && $0.isBind == isBind }
            ?? append(header, isBind: isBind, output)
        if !calls[place].hasRequestEnded { endRequest(place, output) }
        if calls[place].responseFragmentCount == 0 {
            calls[place].transaction.set(.responseType, header.type.name)
        }
        return place
    }

    private func endResponse(_ call: Call, _ output: ParserOutput) {
        if call.responseFragmentCount > 0 {
            call.transaction.set(.responseFragmentCount, Int64(call.responseFragmentCount))
            call.transaction.set(.responseByteCount, Int64(call.responseByteCount))
            call.transaction.shareStub(.responseStub)
        }
        output.advance(call.transaction, .toClient, to: .complete)
    }

    /// Completes a call for which nothing more comes.
    private func giveUp(_ place: Int, _ output: ParserOutput) {
        if !calls[place].hasRequestEnded { endRequest(place, output) }
        if calls[place].responseFragmentCount == 0 {
            output.giveUp(calls[place].transaction, .toClient)
        }
        endResponse(calls.remove(at: place), output)
    }
}

// MARK: - Binding

extension DCERPCAssociation {
    /// A bind or a change of contexts: sizes, then a list of contexts, each with an abstract syntax
    /// (the interface) and transfer syntaxes ([C706] §12.6.4.3).
    private func readBind(_ header: DCERPCHeader, _ pdu: RawSpan, _ output: ParserOutput) {
        if let old = calls.firstIndex(where: { $0.id == header.callID && $0.isBind }) {
            giveUp(old, output)
        }
        let place = append(header, isBind: true, output)
        let transaction = calls[place].transaction
        transaction.set(.requestType, header.type.name)
        let end = header.bodyEnd(pdu)
        var offset = 28
        var remaining = end >= offset ? Int(pdu.byte(at: 24)) : -1
        var isDropping = false
        while remaining > 0, offset &+ 24 <= end {
            let context = Context(decoding: pdu, at: offset, header)
            isDropping = isDropping || contexts.count >= Self.contextCountMax
            if contexts.count >= Self.contextCountMax { contexts.removeFirst() }
            contexts.append(context)
            output.text.removeAll()
            output.text.append(context.uuid)
            transaction.set(.offeredInterfaces, output.text)
            output.text.appendDecimal(context.majorVersion)
            output.text.append(".")
            output.text.appendDecimal(pdu.dceUInt32(at: offset &+ 20, header.isLittleEndian) >> 16)
            transaction.set(.offeredVersions, output.text)
            offset &+= 24 &+ 20 &* Int(pdu.byte(at: offset &+ 2))
            remaining &-= 1
        }
        if remaining != 0 || offset > end { report(.malformedData, .toServer, transaction, output) }
        if isDropping { report(.tooManyContexts, .toServer, transaction, output) }
        endRequest(place, output)
        if toClient.hasEnded { giveUp(place, output) }
    }

    /// The answer to a bind: sizes, the address at which the server listens, and what it says to
    /// each context, in their order ([C706] §12.6.4.4).
    private func readBindAnswer(_ header: DCERPCHeader, _ pdu: RawSpan, _ output: ParserOutput) {
        let place = answered(header, isBind: true, output)
        let transaction = calls[place].transaction
        let end = header.bodyEnd(pdu)
        let addressByteCount = end >= 26 ? Int(pdu.dceUInt16(at: 24, header.isLittleEndian)) : 0
        var offset = (26 &+ addressByteCount &+ 3) & ~3
        var remaining = offset &+ 4 <= end ? Int(pdu.byte(at: offset)) : -1
        if remaining >= 0 { noteServerPipe(pdu, 26..<26 &+ addressByteCount) }
        offset &+= 4
        var context = contexts.startIndex
        while remaining > 0, offset &+ 24 <= end {
            let result = pdu.dceUInt16(at: offset, header.isLittleEndian)
            transaction.set(.results, Int64(result))
            while context < contexts.endIndex,
                contexts[context].callID != header.callID || contexts[context].state != .offered
            {
                context &+= 1
            }
            if context < contexts.endIndex {
                contexts[context].state = result == 0 ? .accepted : .refused
            }
            offset &+= 24
            remaining &-= 1
        }
        if remaining != 0 { report(.malformedData, .toClient, transaction, output) }
        endResponse(calls.remove(at: place), output)
    }

    /// A bind is refused as a whole.
    private func readBindRefusal(_ header: DCERPCHeader, _ output: ParserOutput) {
        let place = answered(header, isBind: true, output)
        for index in contexts.indices
        where contexts[index].callID == header.callID && contexts[index].state == .offered {
            contexts[index].state = .refused
        }
        endResponse(calls.remove(at: place), output)
    }

    /// Keeps the name of the pipe, where the server's address is one.
    private func noteServerPipe(_ pdu: RawSpan, _ range: Range<Int>) {
        guard range.count > 1, range.count <= 256, pdu.byte(at: range.lowerBound) == 0x5c else {
            return
        }
        serverPipe.removeAll(keepingCapacity: true)
        pdu.extracting(range).withUnsafeBytes { serverPipe.append(contentsOf: $0) }
        while serverPipe.last == 0 { serverPipe.removeLast() }
    }
}

extension DCERPCAssociation.Context {
    /// Reads a context of a bind: its number, how many transfer syntaxes, its abstract syntax. 24
    /// bytes must be there.
    fileprivate init(decoding pdu: RawSpan, at offset: Int, _ header: DCERPCHeader) {
        let uuid = DCERPCUUID(
            decoding: pdu, at: offset &+ 4, isLittleEndian: header.isLittleEndian)
        let version = pdu.dceUInt32(at: offset &+ 20, header.isLittleEndian)
        self.init(
            id: pdu.dceUInt16(at: offset, header.isLittleEndian), uuid: uuid,
            majorVersion: UInt16(truncatingIfNeeded: version),
            interface: Int32(truncatingIfNeeded: DCERPCInterface.index(of: uuid) ?? -1),
            callID: header.callID)
    }
}

// MARK: - Values and oddities

extension DCERPCAssociation {
    private func report(
        _ anomaly: DCERPC.Anomaly, _ direction: Direction, _ transaction: Transaction,
        _ output: ParserOutput
    ) {
        output.anomaly(anomaly.rawValue, direction, in: transaction)
    }

    /// Reports an oddity that belongs to no call, in a transaction that says nothing else.
    private func reportAlone(
        _ anomaly: DCERPC.Anomaly, _ direction: Direction, _ output: ParserOutput
    ) {
        let transaction = output.begin(DCERPC.definition, id: numbers.take())
        report(anomaly, direction, transaction, output)
        output.advance(transaction, direction, to: .complete)
        output.giveUp(transaction, direction.reversed)
    }
}

extension Transaction {
    fileprivate func set(_ field: DCERPCField, _ number: Int64) {
        fields.append(number, to: field.rawValue)
    }

    fileprivate func set(_ field: DCERPCField, _ text: TextBuffer) {
        fields.append(text.bytes, to: field.rawValue)
        text.removeAll()
    }

    fileprivate func set(_ field: DCERPCField, _ text: StaticString) {
        fields.append(
            UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount),
            to: field.rawValue)
    }

    fileprivate func addPipe(_ name: [UInt8]) {
        guard !name.isEmpty else { return }
        name.withUnsafeBytes { fields.append($0, to: DCERPCField.namedPipe.rawValue) }
    }

    /// Adds a direction's stub data to the list of both.
    fileprivate func shareStub(_ field: DCERPCField) {
        guard let value = fields.first(of: field.rawValue) else { return }
        fields.append(sharing: value, to: DCERPCField.stub.rawValue)
    }
}
