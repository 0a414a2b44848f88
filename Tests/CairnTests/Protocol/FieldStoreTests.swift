import Testing

@testable import Cairn

/// The field values of one event.
@Suite struct FieldStoreTests {
    @Test func `bytes stay where they are, whatever is stored after them`() {
        var store = FieldStore(fieldCount: 3)
        var pieces: [UnsafeRawBufferPointer] = []
        // The sizes make the store grow some ten times.
        for number in 0..<400 {
            let text = "\(number) " + String(repeating: "x", count: number)
            if number.isMultiple(of: 2) {
                store.append(text, to: 0)
                if let value = store.first(of: 0), number == 0 { pieces.append(store.bytes(value)) }
            } else {
                let start = Array(text.utf8).withUnsafeBytes { store.keep($0) }
                pieces.append(store.kept(at: start, count: text.utf8.count))
            }
            Array(text.utf8).withUnsafeBytes { store.extend(1, with: $0) }
            store.append(Int64(number), to: 2)
        }
        for (index, piece) in pieces.enumerated() {
            let number = index == 0 ? 0 : index * 2 - 1
            let text = "\(number) " + String(repeating: "x", count: number)
            #expect(String(decoding: piece, as: UTF8.self) == text)
        }
    }

    @Test func `a store is as new when its values are forgotten`() {
        var store = FieldStore(fieldCount: 2)
        for _ in 0..<3 {
            for _ in 0..<1000 { store.append("some text that is not short", to: 0) }
            #expect(store.storedByteCount == 27_000)
            #expect(store.texts(of: 0).count == 1000)
            store.removeAll()
            #expect(store.storedByteCount == 0)
            #expect(store.first(of: 0) == nil && store.count(of: 1) == 0)
        }
        store.append("again", to: 1)
        #expect(store.text(of: 1) == "again")
    }

    @Test func `a value that grows behind others keeps all its bytes`() {
        var store = FieldStore(fieldCount: 2)
        for number in 0..<200 {
            for field in 0..<2 {
                Array("\(number),".utf8).withUnsafeBytes { store.extend(field, with: $0) }
            }
        }
        let text = (0..<200).map { "\($0)," }.joined()
        #expect(store.text(of: 0) == text && store.text(of: 1) == text)
    }

    @Test func `two events share the bytes of a value that grew large`() {
        var message = FieldStore(fieldCount: 1)
        var text = [UInt8](repeating: 1, count: 3_000)
        text.withUnsafeBytes { message.extend(0, with: $0) }
        #expect(message.largeBytes(of: 0) == nil)
        var file = FieldStore(fieldCount: 2)
        file.append("name", to: 1)
        text.withUnsafeBytes { file.extend(0, with: $0) }
        for byte in 2...9 as ClosedRange<UInt8> {
            let piece = [UInt8](repeating: byte, count: 3_000)
            text += piece
            piece.withUnsafeBytes { message.extend(0, with: $0) }
            let memory = message.largeBytes(of: 0)
            if let memory { file.share(memory, as: 0) }
            #expect(file.bytes(of: 0).map(Array.init) == text)
            #expect(file.bytes(of: 0)?.baseAddress == message.bytes(of: 0)?.baseAddress)
        }
        // What one of them adds the other does not have.
        text.withUnsafeBytes { file.extend(0, with: $0) }
        ([10] as [Int64]).withUnsafeBytes { message.extend(0, with: $0) }
        #expect(file.bytes(of: 0).map(Array.init) == text + text)
        #expect(message.bytes(of: 0).map(Array.init) == text + [10, 0, 0, 0, 0, 0, 0, 0])
        message.removeAll()
        #expect(file.bytes(of: 0).map(Array.init) == text + text)
        #expect(file.text(of: 1) == "name")
    }

    @Test
    func `a value that grows large leaves others where they are, and its parts may grow apart`() {
        var store = FieldStore(fieldCount: 3)
        store.append("before", to: 0)
        let before = store.bytes(of: 0)
        var text: [UInt8] = []
        for number in 0..<9000 {
            let piece = Array("\(number),".utf8)
            text += piece
            piece.withUnsafeBytes { store.extend(1, with: $0) }
        }
        #expect(store.bytes(of: 1).map(Array.init) == text)
        #expect(store.storedByteCount >= text.count)
        guard let value = store.first(of: 1) else { return }
        store.append(sharing: value, 5..<20_005, to: 2)
        Array("!?".utf8).withUnsafeBytes { store.extend(2, with: $0) }
        Array("end".utf8).withUnsafeBytes { store.extend(1, with: $0) }
        #expect(store.bytes(of: 2).map(Array.init) == text[5..<20_005] + Array("!?".utf8))
        #expect(store.bytes(of: 1).map(Array.init) == text + Array("end".utf8))
        #expect(before.map { String(decoding: $0, as: UTF8.self) } == "before")
        store.removeAll()
        #expect(store.storedByteCount == 0 && store.first(of: 1) == nil)
    }
}
