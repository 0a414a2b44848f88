import Testing

@testable import Cairn

@Suite struct ValueSetTests {
    private func values(_ text: String, _ definition: SetDefinition) -> [(String, Int64)]? {
        guard case .success(let values) = definition.values(in: Array(text.utf8)) else {
            return nil
        }
        return values.map { (String(decoding: $0.value, as: UTF8.self), $0.reputation) }
    }

    @Test func `strings stand in base64, with a reputation behind a comma`() throws {
        let set = SetDefinition(name: "s", kind: .string)
        let found = try #require(values("YWJj\r\nZGVm,20\n\n", set))
        #expect(found.map(\.0) == ["abc", "def"])
        #expect(found.map(\.1) == [0, 20])
        #expect(values("YWJj\n??\n", set) == nil)
    }

    @Test func `hashes and addresses`() throws {
        let hash = SetDefinition(name: "s", kind: .md5)
        #expect(values(String(repeating: "41", count: 16), hash)?.map(\.0) == ["AAAAAAAAAAAAAAAA"])
        #expect(values("4141", hash) == nil)
        var list = hash
        list.format = .hashes
        let text = "# x\n\n \n" + String(repeating: "41", count: 16) + "  a file\n"
        #expect(values(text, list)?.map(\.0) == ["AAAAAAAAAAAAAAAA"])
        #expect(values("41 a file\n", list) == nil)
        let address = SetDefinition(name: "s", kind: .ip)
        #expect(values("10.0.0.1\n::0001\n", address)?.map(\.0) == ["10.0.0.1", "::1"])
    }

    @Test func `values in JSON`() {
        var set = SetDefinition(name: "s", kind: .string)
        set.valueKey = "ioc.host"
        set.format = .json
        let array = "[{\"ioc\": {\"host\": \"a\"}}, {\"ioc\": 1}, {\"ioc\": {\"host\": \"b\"}}]"
        #expect(values(array, set)?.map(\.0) == ["a", "b"])
        #expect(values("[{}]", set) == nil && values("no", set) == nil)
        #expect(values("[]", set)?.count == 0)
        set.arrayKey = "x.y"
        #expect(values("{\"x\": {\"y\": \(array)}}", set)?.map(\.0) == ["a", "b"])
        #expect(values(array, set) == nil)
        set.arrayKey = nil
        set.format = .ndjson
        #expect(values("{\"ioc\": {\"host\": \"a\"}}\nno\n", set)?.map(\.0) == ["a"])
    }

    @Test func `sets that rules change`() throws {
        let table = ValueSetTable()
        let set = SetDefinition(name: "s", kind: .string)
        let isset = try table.add(SetTest(set: set, action: .isset))
        #expect(!table.isChanged(isset))
        let added = try table.add(SetTest(set: set, action: .set))
        let removed = try table.add(SetTest(set: set, action: .unset))
        let missing = try table.add(SetTest(set: set, action: .isnotset))
        #expect(table.isChanged(isset))
        var changed = ChangedSets(table)
        func passes(_ code: Int) -> Bool { changed.passes([.init(code: code, values: [[1, 2]])]) }
        let first = [isset, missing, added, added, isset, missing].map(passes)
        #expect(first == [false, true, true, false, true, false])
        let second = [removed, removed, isset].map(passes)
        #expect(second == [true, false, false])
        let none = changed.passes([])
        #expect(none)
    }

    @Test func `a set has no room for more than its memory`() {
        var entry = ValueSetTable.Entry(
            definition: SetDefinition(name: "s", kind: .string, byteCountMax: 200))
        let added = (0..<5).map { entry.add([$0]) }
        #expect(added == [true, true, true, false, false])
        let isRemoved = entry.remove([0])
        let isAdded = entry.add([9])
        #expect(isRemoved && isAdded)
    }

    @Test func `domains above count where that is asked for`() {
        var entry = ValueSetTable.Entry(definition: SetDefinition(name: "s", kind: .string))
        _ = entry.add(Array(".b.com".utf8))
        var test = SetTest(set: entry.definition, action: .isset)
        #expect(!entry.holds(test, Array(".a.b.com".utf8)))
        test.matchesSubdomains = true
        #expect(entry.holds(test, Array(".a.b.com".utf8)))
        #expect(!entry.holds(test, Array(".ab.com".utf8)))
        test.action = .isnotset
        #expect(!entry.holds(test, Array(".a.b.com".utf8)))
    }
}
