/// What rules are evaluated on, and where its values are. One a shard, filled anew for each event.
///
/// Values are reached by visiting them (`anyValue`), because they lie in places of different kinds: the store of a
/// transaction, the headers of a packet, a stream's bytes.
final class Event {
    /// One value of a field.
    enum Value {
        case number(Int64)
        case address(IPAddress)
        case bytes(UnsafeRawBufferPointer)
    }

    /// What the event is, with its own fields. The transaction is held by whoever evaluates rules on it.
    private enum Subject {
        case transaction(Unmanaged<Transaction>)
        case packet(UnsafePointer<Packet>)
        /// A chunk of a stream in place of the payload of the packet with which it is looked at, if there is one.
        case chunk(UnsafeRawBufferPointer, UnsafePointer<Packet>?)
        case stream(UnsafeRawBufferPointer)
    }

    /// The tables that fields are declared in.
    private let subjects: [ProtocolDefinition]
    /// Text and byte fields of each table.
    private let textFields: [[Int]]
    private var subject: Subject?
    private(set) var subjectIndex = 0
    /// Packet, flow, time and protocol.
    var place = CommonFields.Context()
    /// How far either direction has come.
    private(set) var toServer: Progress = .complete
    private(set) var toClient: Progress = .complete
    /// Bytes of the stream before those that are held, and those.
    private(set) var base: UInt64 = 0
    private(set) var heldByteCount = 0
    /// What the streams of the transaction's flow have come to since they were looked at last, by direction.
    private var chunks: (toServer: UnsafeRawBufferPointer, toClient: UnsafeRawBufferPointer) =
        (.init(start: nil, count: 0), .init(start: nil, count: 0))
    /// The direction that the rule is about that is being evaluated.
    var orientation = Direction.toServer
    /// Where texts of two fields are put together at a time.
    private let texts = (TextBuffer(), TextBuffer())

    init(subjects: [ProtocolDefinition]) {
        self.subjects = subjects
        textFields = subjects.map { table in
            table.fields.indices.filter { table.fields[$0].type.isText }
        }
    }

    // MARK: Beginning

    /// - Parameters:
    ///   - transaction: must stay for as long as this event is looked at.
    ///   - chunks: what the two streams that carry it have come to since they were looked at last.
    func begin(
        _ transaction: Transaction, subject index: Int, _ place: CommonFields.Context,
        chunks: (toServer: UnsafeRawBufferPointer, toClient: UnsafeRawBufferPointer)
    ) {
        self.chunks = chunks
        subject = .transaction(.passUnretained(transaction))
        subjectIndex = index
        self.place = place
        self.place.isOfPacket = false
        toServer = transaction.toServer
        toClient = transaction.toClient
        base = 0
    }

    func begin(
        _ packet: UnsafePointer<Packet>, subject index: Int, _ place: CommonFields.Context
    ) {
        begin(.packet(packet), subject: index, ofPacketAt: place)
    }

    /// - Parameter chunk: stands in place of the packet's payload.
    func begin(
        chunk: UnsafeRawBufferPointer, _ packet: UnsafePointer<Packet>?, subject index: Int,
        _ place: CommonFields.Context
    ) {
        begin(.chunk(chunk, packet), subject: index, ofPacketAt: place)
    }

    private func begin(
        _ subject: Subject, subject index: Int, ofPacketAt place: CommonFields.Context
    ) {
        self.subject = subject
        subjectIndex = index
        self.place = place
        self.place.isOfPacket = true
        toServer = .complete
        toClient = .complete
        base = 0
    }

    /// - Parameters:
    ///   - base: bytes of the stream before `bytes`.
    ///   - hasEnded: nothing follows.
    func begin(
        stream bytes: UnsafeRawBufferPointer, base: UInt64, hasEnded: Bool, subject index: Int,
        _ place: CommonFields.Context
    ) {
        subject = .stream(bytes)
        subjectIndex = index
        self.place = place
        self.place.isOfPacket = false
        toServer = hasEnded ? .complete : .body
        toClient = toServer
        self.base = base
        heldByteCount = bytes.count
    }

    /// Which way went what a rule looks at; of a transaction, the half that the rule is about.
    func direction(_ orientation: Direction) -> Direction? {
        guard case .transaction(let transaction) = subject else { return place.direction }
        return transaction._withUnsafeGuaranteedRef {
            $0.definition === FileTable.definition ? $0.fileDirection : orientation
        }
    }

    // MARK: Values

    /// Which of the two values that can be looked at together.
    enum Side { case first, second }

    /// Whether `condition` holds for some value of a source; stops at the first.
    func anyValue(
        _ source: RuleProgram.Source, _ side: Side = .first, where condition: (Value) -> Bool
    ) -> Bool {
        switch source.table {
        case .own: anyOwnValue(source.index, source.type, side, condition)
        case .common: anyCommonValue(source.index, source.type, side, condition)
        case .packet: anyValueBeside(source.index, source.type, side, condition)
        case .carrier: anyValueOfCarrier(source, condition)
        case .any:
            textFields[subjectIndex].contains { field in
                anyOwnValue(field, .bytes, side, condition)
            }
        }
    }

    private func anyOwnValue(
        _ field: Int, _ type: FieldType, _ side: Side, _ condition: (Value) -> Bool
    ) -> Bool {
        switch subject {
        case .transaction(let transaction):
            return transaction._withUnsafeGuaranteedRef {
                Self.anyValue(of: field, type, in: $0, condition)
            }
        case .packet(let packet):
            if field == PacketField.payload.rawValue, place.opacity != .clear {
                return condition(.bytes(UnsafeRawBufferPointer(start: nil, count: 0)))
            }
            return anyPacketValue(packet, field, type, side, condition)
        case .chunk(let bytes, let packet):
            if field == PacketField.payload.rawValue { return condition(.bytes(bytes)) }
            guard let packet else { return false }
            return anyPacketValue(packet, field, type, side, condition)
        case .stream(let bytes): return condition(.bytes(bytes))
        case nil: return false
        }
    }

    /// A value of the packet that brought a transaction further; for its payload stands the chunk of the stream, if any.
    private func anyValueBeside(
        _ field: Int, _ type: FieldType, _ side: Side, _ condition: (Value) -> Bool
    ) -> Bool {
        if field == PacketField.payload.rawValue, place.flow?.pointee.transport == .tcp {
            let chunk =
                direction(orientation) == .toServer ? chunks.toServer : chunks.toClient
            return chunk.isEmpty ? false : condition(.bytes(chunk))
        }
        guard let packet = place.packet else { return false }
        return anyPacketValue(packet, field, type, side, condition)
    }

    /// A value of the transaction that carries the file.
    private func anyValueOfCarrier(
        _ source: RuleProgram.Source, _ condition: (Value) -> Bool
    ) -> Bool {
        guard case .transaction(let transaction) = subject else { return false }
        return transaction._withUnsafeGuaranteedRef {
            guard let carrier = $0.carrier, carrier.definition === subjects[source.subject] else {
                return false
            }
            return Self.anyValue(of: source.index, source.type, in: carrier, condition)
        }
    }

    private static func anyValue(
        of field: Int, _ type: FieldType, in transaction: Transaction, _ condition: (Value) -> Bool
    ) -> Bool {
        var cursor = transaction.fields.first(of: field)
        while let value = cursor {
            if transaction.fields.isNumber(value) {
                if condition(.number(transaction.fields.number(value))) { return true }
            } else {
                let bytes = transaction.fields.bytes(value)
                if condition(type == .ip ? Self.address(bytes) : .bytes(bytes)) { return true }
            }
            cursor = transaction.fields.next(after: value, of: field)
        }
        return false
    }

    /// The address that a store keeps as sixteen bytes.
    private static func address(_ bytes: UnsafeRawBufferPointer) -> Value {
        bytes.count == 16 ? .address(IPAddress(v6In: bytes.bytes, at: 0)) : .bytes(bytes)
    }

    private func anyPacketValue(
        _ packet: UnsafePointer<Packet>, _ field: Int, _ type: FieldType, _ side: Side,
        _ condition: (Value) -> Bool
    ) -> Bool {
        switch type {
        case .integer, .bool:
            return PacketFields.number(field, packet).map { condition(.number($0)) } ?? false
        case .ip:
            return PacketFields.address(field, packet).map { condition(.address($0)) } ?? false
        case .bytes, .text:
            if field == PacketField.streamAnomaly.rawValue {
                return anyStreamAnomaly(where: condition)
            }
            if field == PacketField.protocolAnomaly.rawValue {
                return anyProtocolAnomaly(where: condition)
            }
            let text = side == .first ? texts.0 : texts.1
            var element = 0
            while let bytes = PacketFields.bytes(field, packet, at: element, text) {
                if condition(.bytes(bytes)) { return true }
                element += 1
            }
            return false
        }
    }

    private func anyStreamAnomaly(where condition: (Value) -> Bool) -> Bool {
        var element = 0
        while let name = PacketFields.streamAnomaly(place.streamAnomalies, at: element) {
            if condition(.bytes(name)) { return true }
            element += 1
        }
        return false
    }

    private func anyProtocolAnomaly(where condition: (Value) -> Bool) -> Bool {
        var element = 0
        while let name = PacketFields.protocolAnomaly(place.protocolAnomalies, at: element) {
            if condition(.bytes(name)) { return true }
            element += 1
        }
        return false
    }

    private func anyCommonValue(
        _ field: Int, _ type: FieldType, _ side: Side, _ condition: (Value) -> Bool
    ) -> Bool {
        switch type {
        case .integer, .bool:
            var element = 0
            while let number = CommonFields.number(field, place, at: element) {
                if condition(.number(number)) { return true }
                element += 1
            }
            return false
        case .ip:
            return CommonFields.address(field, place).map { condition(.address($0)) } ?? false
        case .bytes, .text:
            let text = side == .first ? texts.0 : texts.1
            return CommonFields.bytes(field, place, text).map { condition(.bytes($0)) } ?? false
        }
    }

    // MARK: Copies

    /// A copy of a field; nil if the event has no such field.
    func copy(of field: FieldID) -> FieldValue? { copy(of: CarriedField(field, subjects)) }

    /// A copy of a field; nil if the event has no such field.
    func copy(of field: CarriedField) -> FieldValue? {
        var first: FieldValue?
        var others: [FieldValue] = []
        _ = anyValue(field.source(of: subjectIndex)) { value in
            if first == nil {
                first = Self.copy(value)
            } else {
                others.append(Self.copy(value))
            }
            return !field.isList
        }
        guard let first else { return nil }
        return others.isEmpty ? first : .list([first] + others)
    }

    private static func copy(_ value: Value) -> FieldValue {
        switch value {
        case .number(let number): .integer(number)
        case .address(let address): .address(address)
        case .bytes(let bytes): .text(Array(bytes))
        }
    }

    private var transaction: Transaction? {
        guard case .transaction(let transaction) = subject else { return nil }
        return transaction.takeUnretainedValue()
    }

    /// Writes the members that events show of a transaction.
    func write(into writer: inout JSONWriter) {
        guard let transaction, !transaction.definition.eventLayout.parts.isEmpty else { return }
        writer.key(transaction.definition.name)
        writer.beginObject()
        transaction.fields.writeMembers(of: transaction.definition, into: &writer)
        writer.endObject()
    }

    /// The number of the transaction in its flow; nil on other subjects.
    var transactionID: UInt64? {
        guard let transaction, transaction.definition !== FlowFields.definition else { return nil }
        return transaction.id
    }

    var isOfTransaction: Bool {
        if case .transaction = subject { true } else { false }
    }

    /// A piece of a TCP stream, which comes in several.
    var isOfStream: Bool {
        if case .stream = subject { return place.flow?.pointee.transport == .tcp }
        return false
    }

    /// What is looked at came in more than one packet, or may have.
    var coversFlow: Bool {
        if case .packet = subject { return false }
        return true
    }

    /// The definition of the transaction's table.
    var definition: ProtocolDefinition { subjects[subjectIndex] }
}
