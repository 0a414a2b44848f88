extension FieldStore {
    /// Writes the members of an EVE object for the fields of `definition` that events show, in the
    /// order of the table.
    ///
    /// A key with a dot (`ja3.hash`) goes into a nested object, one behind brackets
    /// (`answers[].rdata`) into the objects of an array, one for each value; fields that share
    /// either stand next to each other.
    func writeMembers(of definition: ProtocolDefinition, into writer: inout JSONWriter) {
        let fields = definition.fields
        var index = 0
        while index < fields.count {
            guard let outer = fields[index].eveOuterKey else {
                writeMember(fields[index].eve, index, fields[index], into: &writer)
                index += 1
                continue
            }
            let start = index
            while index < fields.count, fields[index].eveOuterKey == outer { index += 1 }
            let group = (start..<index).filter { count(of: $0) > 0 }
            guard !group.isEmpty else { continue }
            if outer.hasSuffix("[]") {
                writer.key(String(outer.dropLast(2)))
                writeRows(group, fields, into: &writer)
            } else {
                writer.key(String(outer))
                writer.beginObject()
                for index in group {
                    writeMember(fields[index].eveInnerKey, index, fields[index], into: &writer)
                }
                writer.endObject()
            }
        }
    }

    private func writeMember(
        _ key: String?, _ index: Int, _ field: FieldDefinition, into writer: inout JSONWriter
    ) {
        guard let key, let first = first(of: index) else { return }
        writer.key(key)
        guard field.isList else { return writeValue(first, of: field, into: &writer) }
        writer.beginArray()
        var cursor: Int? = first
        while let value = cursor {
            writeValue(value, of: field, into: &writer)
            cursor = next(after: value, of: index)
        }
        writer.endArray()
    }

    /// Writes lists side by side: the first values as one object, then the second ones.
    private func writeRows(
        _ group: [Int], _ fields: [FieldDefinition], into writer: inout JSONWriter
    ) {
        var cursors = group.map { first(of: $0) }
        writer.beginArray()
        while cursors.contains(where: { $0 != nil }) {
            writer.beginObject()
            for (place, index) in group.enumerated() {
                guard let value = cursors[place] else { continue }
                writer.key(fields[index].eveInnerKey ?? "")
                writeValue(value, of: fields[index], into: &writer)
                cursors[place] = next(after: value, of: index)
            }
            writer.endObject()
        }
        writer.endArray()
    }

    private func writeValue(_ value: Int, of field: FieldDefinition, into writer: inout JSONWriter)
    {
        if isNumber(value) {
            if field.type == .bool {
                writer.bool(number(value) != 0)
            } else {
                writer.integer(number(value))
            }
        } else if field.type == .ip, bytes(value).count == 16 {
            writer.address(IPAddress(v6In: bytes(value).bytes, at: 0))
        } else {
            writer.string(bytes(value))
        }
    }
}

extension FieldDefinition {
    /// The part of the EVE key before its dot: the object or array that the field goes into.
    fileprivate var eveOuterKey: Substring? {
        guard let eve, let dot = eve.firstIndex(of: ".") else { return nil }
        return eve[..<dot]
    }

    /// The EVE key, or what is behind its dot.
    fileprivate var eveInnerKey: String? {
        guard let eve, let dot = eve.firstIndex(of: ".") else { return eve }
        return String(eve[eve.index(after: dot)...])
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
    /// The key of its object in EVE records; a file's is Suricata's `fileinfo`.
    var eveKey: String { name == "file" ? "fileinfo" : name }
}
