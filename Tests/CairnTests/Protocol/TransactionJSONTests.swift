import Testing

@testable import Cairn

@Suite struct TransactionJSONTests {
    @Test func `answers become an array of objects`() {
        let definition = ProtocolDefinition(
            name: "p", summary: "p",
            fields: [
                FieldDefinition("p.a", .integer, eve: "a", "a"),
                FieldDefinition("p.x", .text, list: true, eve: "rows[].x", "x"),
                FieldDefinition("p.y", .bool, list: true, eve: "rows[].y", "y"),
                FieldDefinition("p.h", .text, eve: "in.hash", "h"),
                FieldDefinition("p.s", .text, eve: "in.string", "s"),
                FieldDefinition("p.z", .text, list: true, eve: "none[].z", "z"),
                FieldDefinition("p.l", .text, list: true, eve: "l", "l"),
            ])
        let transaction = Transaction(definition)
        transaction.fields.append(7, to: 0)
        for text in ["m", "n"] { transaction.fields.append(text, to: 1) }
        for number in [1, 0] as [Int64] { transaction.fields.append(number, to: 2) }
        transaction.fields.append("h", to: 3)
        for text in ["q", "r"] { transaction.fields.append(text, to: 6) }
        var writer = JSONWriter()
        writer.beginObject()
        transaction.writeMember(into: &writer)
        writer.endObject()
        #expect(
            String(decoding: writer.bytes, as: UTF8.self)
                == #"{"p":{"a":7,"rows":[{"x":"m","y":true},{"x":"n","y":false}],"#
                + #""in":{"hash":"h"},"l":["q","r"]}}"#)
    }
}
