extension FieldStore {
    /// Writes the members of an EVE object for the fields of `definition` that events show, in the
    /// order of the table.
    ///
    /// A key with a dot (`ja3.hash`) goes into a nested object, one behind brackets
    /// (`answers[].rdata`) into the objects of an array, one for each value; fields that share
    /// either stand next to each other.
    func writeMembers(of definition: ProtocolDefinition, into writer: inout JSONWriter) {
        for part in definition.eventLayout.parts {
            guard part.members.contains(where: { first(of: $0.field) != nil }) else { continue }
            switch part.shape {
            case .member: writeMember(part.members[0], definition.fields, into: &writer)
            case .object:
                writer.key(json: part.key)
                writer.beginObject()
                for member in part.members {
                    writeMember(member, definition.fields, into: &writer)
                }
                writer.endObject()
            case .rows:
                writer.key(json: part.key)
                writeRows(part.members, definition.fields, into: &writer)
            }
        }
    }

    private func writeMember(
        _ member: EventLayout.Member, _ fields: [FieldDefinition], into writer: inout JSONWriter
    ) {
        guard let first = first(of: member.field) else { return }
        writer.key(json: member.key)
        let isList = fields[member.field].isList
        let type = fields[member.field].type
        guard isList else { return writeValue(first, type, into: &writer) }
        writer.beginArray()
        var cursor: Int? = first
        while let value = cursor {
            writeValue(value, type, into: &writer)
            cursor = next(after: value, of: member.field)
        }
        writer.endArray()
    }

    /// Writes lists side by side: the first values as one object, then the second ones.
    private func writeRows(
        _ members: [EventLayout.Member], _ fields: [FieldDefinition], into writer: inout JSONWriter
    ) {
        var cursors = members.map { first(of: $0.field) }
        writer.beginArray()
        while cursors.contains(where: { $0 != nil }) {
            writer.beginObject()
            for (place, member) in members.enumerated() {
                guard let value = cursors[place] else { continue }
                writer.key(json: member.key)
                writeValue(value, fields[member.field].type, into: &writer)
                cursors[place] = next(after: value, of: member.field)
            }
            writer.endObject()
        }
        writer.endArray()
    }

    private func writeValue(_ value: Int, _ type: FieldType, into writer: inout JSONWriter) {
        if isNumber(value) {
            if type == .bool {
                writer.bool(number(value) != 0)
            } else {
                writer.integer(number(value))
            }
        } else if type == .ip, bytes(value).count == 16 {
            writer.address(IPAddress(v6In: bytes(value).bytes, at: 0))
        } else {
            writer.string(bytes(value))
        }
    }
}

/// Where EVE events show the fields of a definition: worked out once, since keys are text.
struct EventLayout: Sendable {
    /// A field that is shown.
    struct Member: Sendable {
        let field: Int
        /// Its key as JSON text: `"hash":`.
        let key: [UInt8]
    }

    /// One field, or fields that share an object, or lists that share an array of objects.
    struct Part: Sendable {
        enum Shape { case member, object, rows }

        let shape: Shape
        /// The key of the object or array as JSON text.
        let key: [UInt8]
        var members: [Member]
    }

    private(set) var parts: [Part] = []

    init(_ fields: [FieldDefinition]) {
        var lastOuter: Substring?
        for (index, field) in fields.enumerated() {
            guard let eve = field.eve else {
                lastOuter = nil
                continue
            }
            let dot = eve.firstIndex(of: ".")
            let outer = dot.map { eve[..<$0] }
            let inner = dot.map { eve[eve.index(after: $0)...] } ?? eve[...]
            let member = Member(field: index, key: Self.json(inner))
            if outer != nil, outer == lastOuter {
                parts[parts.count - 1].members.append(member)
            } else if let outer {
                let isRows = outer.hasSuffix("[]")
                parts.append(
                    Part(
                        shape: isRows ? .rows : .object,
                        key: Self.json(isRows ? outer.dropLast(2) : outer), members: [member]))
            } else {
                parts.append(Part(shape: .member, key: [], members: [member]))
            }
            lastOuter = outer
        }
    }

    private static func json(_ key: Substring) -> [UInt8] {
        var writer = JSONWriter()
        writer.key(String(key))
        return writer.bytes
    }
}

extension Transaction {
    /// Writes the member that EVE records have for this transaction: `"http":{…}`.
    func writeMember(into writer: inout JSONWriter) {
        writer.key(definition.eveKey)
        writer.beginObject()
        fields.writeMembers(of: definition, into: &writer)
        writer.endObject()
    }
}

extension ProtocolDefinition {
    /// The key of its object in EVE records; some are Suricata's.
    var eveKey: String {
        switch name {
        case "file": "fileinfo"
        case "ftp-data": "ftp_data"
        default: name
        }
    }
}
