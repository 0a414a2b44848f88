@testable import Cairn

/// Builds TLS messages for tests.
enum TLSMaker {
    static func bigEndian16(_ value: Int) -> [UInt8] {
        [UInt8(value >> 8 & 255), UInt8(value & 255)]
    }

    static func vector8(_ bytes: [UInt8]) -> [UInt8] { [UInt8(bytes.count)] + bytes }

    static func vector16(_ bytes: [UInt8]) -> [UInt8] { bigEndian16(bytes.count) + bytes }

    static func vector24(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8(bytes.count >> 16)] + bigEndian16(bytes.count & 0xffff) + bytes
    }

    static func record(_ fragment: [UInt8], type: UInt8 = 22, version: Int = 0x0303) -> [UInt8] {
        [type] + bigEndian16(version) + vector16(fragment)
    }

    static func message(_ type: UInt8, _ body: [UInt8]) -> [UInt8] { [type] + vector24(body) }

    static func numbers(_ values: [Int]) -> [UInt8] { values.flatMap(bigEndian16) }

    static func `extension`(_ type: Int, _ data: [UInt8]) -> [UInt8] {
        bigEndian16(type) + vector16(data)
    }

    static func serverName(_ name: String) -> [UInt8] {
        `extension`(0, vector16([0] + vector16(Array(name.utf8))))
    }

    static func protocols(_ names: [String]) -> [UInt8] {
        `extension`(16, vector16(names.flatMap { vector8(Array($0.utf8)) }))
    }

    static func clientHello(
        version: Int = 0x0303, session: [UInt8] = [], ciphers: [Int], extensions: [[UInt8]]?
    ) -> [UInt8] {
        var body = bigEndian16(version) + (0..<32).map { UInt8($0) } + vector8(session)
        body += vector16(numbers(ciphers)) + [1, 0]
        if let extensions { body += vector16(extensions.flatMap { $0 }) }
        return message(1, body)
    }

    static func serverHello(
        version: Int = 0x0303, random: [UInt8] = Array(repeating: 7, count: 32),
        session: [UInt8] = [], cipher: Int = 0xc02f, extensions: [[UInt8]]? = nil
    ) -> [UInt8] {
        var body = bigEndian16(version) + random + vector8(session) + bigEndian16(cipher) + [0]
        if let extensions { body += vector16(extensions.flatMap { $0 }) }
        return message(2, body)
    }

    static func certificates(_ certificates: [[UInt8]]) -> [UInt8] {
        message(11, vector24(certificates.flatMap(vector24)))
    }

    static let changeCipher = record([1], type: 20)
    static let applicationData = record(Array(repeating: 0xee, count: 40), type: 23)

    /// A self-signed certificate: C=US, O=Example, CN=www.example.com, with alternative names.
    static let certificate = [UInt8](
        hex: "30820245308201eba003020102020400a1b2c3300a06082a8648ce3d0403023057310b30090603550406"
            + "130255533110300e060355040a0c074578616d706c653118301606035504030c0f7777772e6578616d70"
            + "6c652e636f6d311c301a06092a864886f70d010901160d61406578616d706c652e636f6d3020170d3236"
            + "313132333230323530385a180f32303534303431303230323530385a3057310b30090603550406130255"
            + "533110300e060355040a0c074578616d706c653118301606035504030c0f7777772e6578616d706c652e"
            + "636f6d311c301a06092a864886f70d010901160d61406578616d706c652e636f6d3059301306072a8648"
            + "ce3d020106082a8648ce3d03010703420004402ba4739250a99e2d24c0fea655c805b9f5ce1263cd2b19"
            + "3f76e7d08e49564d716bab667979ebc520ec68f40600d17e8368b15e496f9e8c355d13e38c8325cba381"
            + "a230819f301d0603551d0e0416041430e334b9e0033b3109e1b5015cc4d3801eab43be301f0603551d23"
            + "04183016801430e334b9e0033b3109e1b5015cc4d3801eab43be300f0603551d130101ff040530030101"
            + "ff304c0603551d1104453043820f7777772e6578616d706c652e636f6d8704c0000201871020010db800"
            + "0000000000000000000001810d61406578616d706c652e636f6d860968747470733a2f2f78300a06082a"
            + "8648ce3d040302034800304502203be4559838f80e6f61b6e7559bd55f7f3b5bf30bc38aba0f710f7e22"
            + "b62e1d3a022100b86e9343b968f74d91ec6e4382ae2535cce38441d6bf20c9bc36ad65ef075bc0")

    /// The client of the example in the JA4 specification.
    static let exampleClient = clientHello(
        session: Array(repeating: 9, count: 32),
        ciphers: [
            0x0a0a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
            0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
        ],
        extensions: [
            `extension`(0x1a1a, []), `extension`(0x001b, [2, 0, 2]), serverName("www.example.com"),
            `extension`(0x0033, vector16([0, 29] + vector16([1, 2, 3]))),
            protocols(["h2", "http/1.1"]),
            `extension`(0x4469, []), `extension`(0x0017, []), `extension`(0x002d, [1, 1]),
            `extension`(
                0x000d,
                vector16(
                    numbers([
                        0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601,
                    ]))), `extension`(0x0005, [1, 0, 0, 0, 0]), `extension`(0x0023, []),
            `extension`(0x0012, []),
            `extension`(0x002b, vector8(numbers([0x2a2a, 0x0304, 0x0303]))),
            `extension`(0xff01, [0]), `extension`(0x000b, vector8([0])),
            `extension`(0x000a, vector16(numbers([0x3a3a, 0x001d, 0x0017, 0x0018]))),
            `extension`(0x0015, [0, 0]),
        ])
}
