extension FieldStore {
    /// Writes the members of an EVE object for the fields of `definition` that events show, in the order of the table.
    ///
    /// A key with a dot (`ja3.hash`) goes into a nested object; fields that share one stand next to each other.
    func writeMembers(of definition: ProtocolDefinition, into writer: inout JSONWriter) {
        var open: Substring?
        for (index, field) in definition.fields.enumerated() {
            guard let key = field.eve, let first = first(of: index) else { continue }
            let parts = key.split(separator: ".", maxSplits: 1)
            let outer = parts.count == 2 ? parts[0] : nil
            if outer != open {
                if open != nil { writer.endObject() }
                if let outer {
                    writer.key(String(outer))
                    writer.beginObject()
                }
                open = outer
            }
            writer.key(String(parts[parts.count - 1]))
            if field.isList {
                writer.beginArray()
                var cursor: Int? = first
                while let value = cursor {
                    writeValue(value, of: field, into: &writer)
                    cursor = next(after: value, of: index)
                }
                writer.endArray()
            } else {
                writeValue(first, of: field, into: &writer)
            }
        }
        if open != nil { writer.endObject() }
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
