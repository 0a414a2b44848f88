@testable import Cairn

/// Builds DCE/RPC PDUs for tests.
enum DCERPCMaker {
    static let svcctl = "367abb81-9844-35f1-ad32-98f038001003"
    static let samr = "12345778-1234-abcd-ef00-0123456789ac"

    /// A number in the byte order of a PDU.
    static func number<T: FixedWidthInteger>(_ value: T, isBig: Bool = false) -> [UInt8] {
        withUnsafeBytes(of: isBig ? value.bigEndian : value.littleEndian) { Array($0) }
    }

    static func uuid(_ text: String, isBig: Bool = false) -> [UInt8] {
        let bytes = [UInt8](hex: text)
        guard !isBig else { return bytes }
        return bytes[0..<4].reversed() + bytes[4..<6].reversed() + bytes[6..<8].reversed()
            + bytes[8...]
    }

    static func pdu(
        _ type: UInt8, flags: UInt8 = 3, call: UInt32, _ body: [UInt8], auth: [UInt8] = [],
        padding: Int = 0, isBig: Bool = false
    ) -> [UInt8] {
        let trailer: [UInt8] =
            auth.isEmpty
            ? []
            : Array(repeating: 0, count: padding) + [10, 6, UInt8(padding), 0, 0, 0, 0, 0] + auth
        let count = UInt16(16 + body.count + trailer.count)
        return [5, 0, type, flags, isBig ? 0 : 0x10, 0, 0, 0] + number(count, isBig: isBig)
            + number(UInt16(auth.count), isBig: isBig) + number(call, isBig: isBig) + body + trailer
    }

    static func bind(
        call: UInt32, _ contexts: [(UInt16, String, UInt32)], type: UInt8 = 11, isBig: Bool = false
    ) -> [UInt8] {
        var body = [UInt8](hex: "d016d016 00000000") + [UInt8(contexts.count), 0, 0, 0]
        for (id, interface, version) in contexts {
            body += number(id, isBig: isBig) + [1, 0] + uuid(interface, isBig: isBig)
            body += number(version, isBig: isBig)
            body += uuid("8a885d04-1ceb-11c9-9fe8-08002b104860", isBig: isBig)
            body += number(UInt32(2), isBig: isBig)
        }
        return pdu(type, call: call, body, isBig: isBig)
    }

    static func bindAck(
        call: UInt32, address: String = "135", _ results: [UInt16], type: UInt8 = 12,
        isBig: Bool = false
    ) -> [UInt8] {
        let text = Array(address.utf8) + [0]
        var body =
            [UInt8](hex: "d016d016 34120000") + number(UInt16(text.count), isBig: isBig) + text
        while body.count % 4 != 0 { body.append(0) }
        body += [UInt8(results.count), 0, 0, 0]
        for result in results {
            body += number(result, isBig: isBig) + [0, 0] + Array(repeating: 0, count: 20)
        }
        return pdu(type, call: call, body, isBig: isBig)
    }

    static func request(
        call: UInt32, context: UInt16 = 0, opnum: UInt16, _ stub: [UInt8], flags: UInt8 = 3,
        auth: [UInt8] = [], padding: Int = 0, isBig: Bool = false
    ) -> [UInt8] {
        let head = number(UInt32(stub.count), isBig: isBig) + number(context, isBig: isBig)
        return pdu(
            0, flags: flags, call: call, head + number(opnum, isBig: isBig) + stub, auth: auth,
            padding: padding, isBig: isBig)
    }

    static func response(
        call: UInt32, context: UInt16 = 0, _ stub: [UInt8], flags: UInt8 = 3, isBig: Bool = false
    ) -> [UInt8] {
        let head = number(UInt32(stub.count), isBig: isBig) + number(context, isBig: isBig)
        return pdu(2, flags: flags, call: call, head + [0, 0] + stub, isBig: isBig)
    }
}

/// Builds SMB messages for tests.
enum SMBMaker {
    static func number<T: FixedWidthInteger>(_ value: T) -> [UInt8] { DCERPCMaker.number(value) }

    static func utf16(_ text: String) -> [UInt8] { text.utf16.flatMap { number($0) } }

    /// A frame of the session service.
    static func frame(_ message: [UInt8]) -> [UInt8] {
        let count = UInt32(message.count)
        return [0, UInt8(count >> 16), UInt8(count >> 8 & 255), UInt8(count & 255)] + message
    }

    // MARK: SMB 2

    struct Place {
        var session: UInt64 = 0x1_0000_0005
        var tree: UInt32 = 1
    }

    static func message2(
        _ command: UInt16, id: UInt64, _ body: [UInt8], status: UInt32 = 0, flags: UInt32 = 0,
        next: UInt32 = 0, _ place: Place = Place()
    ) -> [UInt8] {
        [0xfe] + Array("SMB".utf8) + number(UInt16(64)) + [1, 0] + number(status)
            + number(command) + [1, 0] + number(flags) + number(next) + number(id)
            + number(UInt32(0xfeff)) + number(place.tree) + number(place.session)
            + Array(repeating: 0, count: 16) + body
    }

    static func response2(
        _ command: UInt16, id: UInt64, _ body: [UInt8] = [9, 0, 0, 0, 0, 0, 0, 0, 0],
        status: UInt32 = 0, _ place: Place = Place()
    ) -> [UInt8] {
        frame(message2(command, id: id, body, status: status, flags: 1, place))
    }

    static func fileID(_ number: UInt64) -> [UInt8] {
        Self.number(number) + Self.number(number)
    }

    static func create(
        _ name: String, id: UInt64, disposition: UInt32 = 1, options: UInt32 = 0,
        next: UInt32 = 0, _ place: Place = Place()
    ) -> [UInt8] {
        let text = utf16(name)
        let body =
            number(UInt16(57)) + Array(repeating: 0, count: 34) + number(disposition)
            + number(options) + number(UInt16(120)) + number(UInt16(text.count))
            + Array(repeating: 0, count: 8) + text
        return message2(5, id: id, body, next: next, place)
    }

    static func createResponse(file: UInt64, id: UInt64, size: UInt64 = 0) -> [UInt8] {
        response2(
            5, id: id,
            number(UInt16(89)) + Array(repeating: 0, count: 46) + number(size)
                + Array(repeating: 0, count: 8) + fileID(file) + Array(repeating: 0, count: 8))
    }

    static func close(_ file: [UInt8], id: UInt64, flags: UInt32 = 0) -> [UInt8] {
        message2(6, id: id, number(UInt16(24)) + Array(repeating: 0, count: 6) + file, flags: flags)
    }

    static func read(_ file: UInt64, id: UInt64) -> [UInt8] {
        frame(
            message2(
                8, id: id,
                number(UInt16(49)) + [0x50, 0] + number(UInt32(4096)) + number(UInt64(0))
                    + fileID(file) + Array(repeating: 0, count: 17)))
    }

    static func readResponse(_ data: [UInt8], id: UInt64, status: UInt32 = 0) -> [UInt8] {
        response2(
            8, id: id,
            number(UInt16(17)) + [80, 0] + number(UInt32(data.count))
                + Array(repeating: 0, count: 8) + data, status: status)
    }

    static func write(_ file: UInt64, id: UInt64, _ data: [UInt8]) -> [UInt8] {
        frame(
            message2(
                9, id: id,
                number(UInt16(49)) + number(UInt16(112)) + number(UInt32(data.count))
                    + number(UInt64(0)) + fileID(file) + Array(repeating: 0, count: 16) + data))
    }

    static func writeResponse(id: UInt64) -> [UInt8] {
        response2(9, id: id, number(UInt16(17)) + Array(repeating: 0, count: 15))
    }

    static func control(_ code: UInt32, _ file: UInt64, id: UInt64, _ data: [UInt8]) -> [UInt8] {
        frame(
            message2(
                11, id: id,
                number(UInt16(57)) + [0, 0] + number(code) + fileID(file) + number(UInt32(120))
                    + number(UInt32(data.count)) + number(UInt32(0)) + number(UInt32(0))
                    + number(UInt32(0)) + number(UInt32(1024)) + number(UInt32(1))
                    + number(UInt32(0)) + data))
    }

    static func controlResponse(
        _ code: UInt32, _ file: UInt64, id: UInt64, _ data: [UInt8]
    ) -> [UInt8] {
        response2(
            11, id: id,
            number(UInt16(49)) + [0, 0] + number(code) + fileID(file) + number(UInt32(112))
                + number(UInt32(0)) + number(UInt32(112)) + number(UInt32(data.count))
                + Array(repeating: 0, count: 8) + data)
    }

    static func setInfo(
        _ kind: UInt8, _ file: [UInt8], id: UInt64, _ data: [UInt8], flags: UInt32 = 0,
        next: UInt32 = 0
    ) -> [UInt8] {
        message2(
            17, id: id,
            number(UInt16(33)) + [1, kind] + number(UInt32(data.count)) + number(UInt16(96))
                + [0, 0] + number(UInt32(0)) + file + data, flags: flags, next: next)
    }

    static func treeConnect(_ path: String, id: UInt64) -> [UInt8] {
        let text = utf16(path)
        return frame(
            message2(
                3, id: id, [9, 0, 0, 0, 72, 0] + number(UInt16(text.count)) + text,
                Place(tree: 0)))
    }

    static func treeResponse(_ kind: UInt8, tree: UInt32, id: UInt64) -> [UInt8] {
        response2(
            3, id: id, [16, 0, kind, 0] + Array(repeating: 0, count: 12), Place(tree: tree))
    }

    static func sessionSetup(_ blob: [UInt8], id: UInt64) -> [UInt8] {
        frame(
            message2(
                1, id: id,
                number(UInt16(25)) + Array(repeating: 0, count: 10) + [88, 0]
                    + number(UInt16(blob.count)) + Array(repeating: 0, count: 8) + blob))
    }

    static func negotiate(_ dialects: [UInt16], id: UInt64 = 0) -> [UInt8] {
        frame(
            message2(
                0, id: id,
                number(UInt16(36)) + number(UInt16(dialects.count))
                    + Array(repeating: 0, count: 32) + dialects.flatMap { number($0) }))
    }

    static func negotiateResponse(_ dialect: UInt16, id: UInt64 = 0) -> [UInt8] {
        response2(
            0, id: id,
            number(UInt16(65)) + [1, 0] + number(dialect) + [0, 0]
                + DCERPCMaker.uuid("00112233-4455-6677-8899-aabbccddeeff")
                + Array(repeating: 0, count: 41))
    }

    /// An AUTHENTICATE message of NTLMSSP.
    static func authenticate(user: String, domain: String, host: String) -> [UInt8] {
        let parts = [domain, user, host].map { utf16($0) }
        var message =
            Array("NTLMSSP\0".utf8) + number(UInt32(3)) + Array(repeating: 0, count: 16)
        var offset = UInt32(72)
        for part in parts {
            message += number(UInt16(part.count)) + number(UInt16(part.count)) + number(offset)
            offset += UInt32(part.count)
        }
        message += Array(repeating: 0, count: 8) + number(UInt32(0x0200_0001))
        return message + [6, 1] + number(UInt16(7601)) + [0, 0, 0, 15] + parts.joined()
    }

    // MARK: SMB 1

    /// Dialects as they are offered.
    static func dialects(_ names: [String]) -> [UInt8] {
        names.flatMap { (name: String) -> [UInt8] in [2] + Array(name.utf8) + [0] }
    }

    /// Texts in UTF-16, each with a zero.
    static func texts(_ texts: [String]) -> [UInt8] {
        texts.flatMap { (text: String) -> [UInt8] in utf16(text) + [0, 0] }
    }

    struct Block {
        var command: UInt8
        var words: [UInt8]
        var bytes: [UInt8]

        var encoded: [UInt8] {
            [UInt8(words.count / 2)] + words + number(UInt16(bytes.count)) + bytes
        }
    }

    static func header1(
        _ command: UInt8, id: UInt16, status: UInt32 = 0, isResponse: Bool = false,
        tree: UInt16 = 0x800, flags2: UInt16 = 0xc001
    ) -> [UInt8] {
        [0xff] + Array("SMB".utf8) + [command] + number(status) + [isResponse ? 0x98 : 0x18]
            + number(flags2) + Array(repeating: 0, count: 12) + number(tree) + number(UInt16(77))
            + number(UInt16(0x64)) + number(id)
    }

    static func message1(
        _ block: Block, id: UInt16, status: UInt32 = 0, isResponse: Bool = false,
        tree: UInt16 = 0x800, flags2: UInt16 = 0xc001
    ) -> [UInt8] {
        frame(
            header1(
                block.command, id: id, status: status, isResponse: isResponse, tree: tree,
                flags2: flags2) + block.encoded)
    }

    /// Parameters of a command after which no other follows, then zeros up to a count.
    static func andX(_ words: [UInt8], count: Int) -> [UInt8] {
        let all = [0xff, 0, 0, 0] + words
        return all + Array(repeating: 0, count: count - all.count)
    }

    static func ntCreate(
        _ name: String, id: UInt16, disposition: UInt32 = 1, options: UInt32 = 0,
        tree: UInt16 = 0x800
    ) -> [UInt8] {
        var words = andX([], count: 48)
        words.replaceSubrange(35..<39, with: number(disposition))
        words.replaceSubrange(39..<43, with: number(options))
        // Header, count of words, words, count of bytes: 83 bytes, so one of padding.
        return message1(
            Block(command: 0xa2, words: words, bytes: [0] + utf16(name) + [0, 0]), id: id,
            tree: tree)
    }

    static func ntCreateResponse(_ file: UInt16, id: UInt16, size: UInt32 = 0) -> [UInt8] {
        var words = andX([], count: 68)
        words.replaceSubrange(5..<7, with: number(file))
        words.replaceSubrange(55..<59, with: number(size))
        return message1(Block(command: 0xa2, words: words, bytes: []), id: id, isResponse: true)
    }

    static func writeAndX(
        _ file: UInt16, id: UInt16, _ data: [UInt8], mode: UInt16 = 0
    ) -> [UInt8] {
        let words =
            andX([], count: 4) + number(file) + number(UInt32(0)) + number(UInt32(0))
            + number(mode) + [0, 0, 0, 0] + number(UInt16(data.count)) + number(UInt16(63))
            + number(UInt32(0))
        return message1(Block(command: 0x2f, words: words, bytes: data), id: id)
    }

    static func readAndX(_ file: UInt16, id: UInt16) -> [UInt8] {
        message1(
            Block(
                command: 0x2e,
                words: andX(number(file) + number(UInt32(0)) + number(UInt16(4096)), count: 24),
                bytes: []), id: id)
    }

    static func readAndXResponse(_ data: [UInt8], id: UInt16) -> [UInt8] {
        let words =
            andX([], count: 10) + number(UInt16(data.count)) + number(UInt16(59))
            + Array(repeating: 0, count: 10)
        return message1(
            Block(command: 0x2e, words: words, bytes: data), id: id, isResponse: true)
    }

    /// A call through a pipe.
    static func transact(
        _ file: UInt16, id: UInt16, _ data: [UInt8], total: Int? = nil
    ) -> [UInt8] {
        let words =
            number(UInt16(0)) + number(UInt16(total ?? data.count)) + number(UInt16(0))
            + number(UInt16(1024)) + [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            + number(UInt16(0)) + number(UInt16(0)) + number(UInt16(data.count))
            + number(UInt16(82)) + [2, 0] + number(UInt16(0x26)) + number(file)
        let name = utf16("\\PIPE\\") + [0, 0]
        // Header, count of words, words, count of bytes: 67 bytes; a byte of padding, the name.
        return message1(
            Block(command: 0x25, words: words, bytes: [0] + name + data), id: id)
    }

    static func transactResponse(
        id: UInt16, _ data: [UInt8], total: Int? = nil, displacement: Int = 0
    ) -> [UInt8] {
        let words =
            number(UInt16(0)) + number(UInt16(total ?? data.count)) + [0, 0]
            + number(UInt16(0)) + number(UInt16(0)) + number(UInt16(0))
            + number(UInt16(data.count)) + number(UInt16(55)) + number(UInt16(displacement))
            + [0, 0]
        return message1(
            Block(command: 0x25, words: words, bytes: data), id: id, isResponse: true)
    }

    static func transaction2(
        _ function: UInt16, id: UInt16, parameters: [UInt8], data: [UInt8] = []
    ) -> [UInt8] {
        let start = 32 + 1 + 30 + 2 + 3
        let words =
            number(UInt16(parameters.count)) + number(UInt16(data.count)) + number(UInt16(2))
            + number(UInt16(0)) + [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            + number(UInt16(parameters.count)) + number(UInt16(start))
            + number(UInt16(data.count)) + number(UInt16(start + parameters.count)) + [1, 0]
            + number(function)
        return message1(
            Block(command: 0x32, words: words, bytes: [0, 0, 0] + parameters + data), id: id)
    }

    static func response1(
        _ command: UInt8, id: UInt16, words: [UInt8] = [], bytes: [UInt8] = [],
        status: UInt32 = 0, tree: UInt16 = 0x800, flags2: UInt16 = 0xc001
    ) -> [UInt8] {
        message1(
            Block(command: command, words: words, bytes: bytes), id: id, status: status,
            isResponse: true, tree: tree, flags2: flags2)
    }
}
