/// The name of an interface and of its operations, by what stands on the wire.
struct DCERPCInterface: Sendable {
    let uuid: DCERPCUUID
    /// What the interface is called by those who watch it; where Zeek has a name, that one.
    let endpoint: String
    /// Names of operations in the order of their numbers; empty where a number has no name.
    let operations: [String]

    /// A row of the tables. In `operations` stand the names with white space between them, from
    /// number 0 on; `-` is a number without a name, `@24` says that the next number is 24.
    init(_ uuid: String, _ endpoint: String, _ operations: String = "") {
        self.uuid = DCERPCUUID(text: uuid)
        self.endpoint = endpoint
        var names: [String] = []
        for word in operations.split(whereSeparator: \.isWhitespace) {
            if word.first == "@", let number = Int(word.dropFirst()), number < 1024 {
                while names.count < number { names.append("") }
            } else {
                names.append(word == "-" ? "" : String(word))
            }
        }
        self.operations = names
    }

    /// The interfaces that are known, made when the first call is seen.
    static let all: [DCERPCInterface] =
        directoryServices + systemServices + printing + componentObjects + namesAlone

    /// The place in `all` of an interface.
    static func index(of uuid: DCERPCUUID) -> Int? {
        all.firstIndex { $0.uuid == uuid }
    }

    /// The place in `all` of the interface that a pipe is for, where it is for one alone; -1 if it
    /// is not known.
    static func usual(ofPipe name: [UInt8]) -> Int32 {
        let isUsual = usualPipes.contains {
            $0.utf8.elementsEqual(name.lazy.map(\.asciiLowercased))
        }
        guard isUsual else { return -1 }
        let index = all.firstIndex {
            $0.endpoint.utf8.elementsEqual(name.lazy.map(\.asciiLowercased))
        }
        return Int32(truncatingIfNeeded: index ?? -1)
    }

    /// Pipes that are called as the one interface behind them is.
    private static let usualPipes = [
        "atsvc", "efsrpc", "eventlog", "netdfs", "samr", "spoolss", "srvsvc", "svcctl", "winreg",
        "wkssvc",
    ]

    /// The name of an operation, nil if it has none here.
    func operation(_ opnum: UInt16) -> String? {
        let index = Int(opnum)
        guard index < operations.count, !operations[index].isEmpty else { return nil }
        return operations[index]
    }

    /// Names in a transaction what a request calls.
    func describe(_ opnum: UInt16, in transaction: Transaction) {
        transaction.fields.append(endpoint, to: DCERPCField.endpoint.rawValue)
        if let name = operation(opnum) {
            transaction.fields.append(name, to: DCERPCField.operation.rawValue)
        }
    }
}

/// A universally unique identifier ([C706] appendix A), as two words of its sixteen bytes in the
/// order of its text.
struct DCERPCUUID: Equatable, Sendable {
    static let byteCount = 16

    var high: UInt64
    var low: UInt64

    /// Reads the identifier at an offset; the first three fields are numbers in the byte order of
    /// the sender. Sixteen bytes must be there.
    init(decoding bytes: RawSpan, at offset: Int, isLittleEndian: Bool) {
        low = bytes.bigEndian(UInt64.self, at: offset &+ 8)
        guard isLittleEndian else {
            high = bytes.bigEndian(UInt64.self, at: offset)
            return
        }
        high =
            UInt64(bytes.littleEndian(UInt32.self, at: offset)) << 32
            | UInt64(bytes.littleEndian(UInt16.self, at: offset &+ 4)) << 16
            | UInt64(bytes.littleEndian(UInt16.self, at: offset &+ 6))
    }

    /// The identifier that a text of ours stands for; digits beyond 32 are left alone.
    init(text: String) {
        high = 0
        low = 0
        for digit in text.utf8.lazy.compactMap(\.hexDigitValue).prefix(32) {
            high = high << 4 | low >> 60
            low = low << 4 | UInt64(digit)
        }
    }
}

extension TextBuffer {
    /// Appends an identifier in lower-case hexadecimal: 8, 4, 4, 4 and 12 digits.
    func append(_ uuid: DCERPCUUID) {
        for place in 0..<16 {
            if place == 4 || place == 6 || place == 8 || place == 10 {
                append(UInt8(ascii: "-"))
            }
            let word = place < 8 ? uuid.high : uuid.low
            appendHex(UInt8(truncatingIfNeeded: word >> (56 &- 8 &* UInt64(place & 7))))
        }
    }
}

// MARK: - Interfaces of which only the name is known here

extension DCERPCInterface {
    static let namesAlone: [DCERPCInterface] = [
        DCERPCInterface("0a74ef1c-41a4-4e06-83ae-dc74fb1cdd53", "idletask"),
        DCERPCInterface("8d9f4e40-a03d-11ce-8f69-08003e30051b", "pnp"),
        DCERPCInterface("5ca4a760-ebb1-11cf-8611-00a0245420ed", "winstation_rpc"),
        DCERPCInterface("3d267954-eeb7-11d1-b94e-00c04fa3080d", "HydraLsPipe"),
        DCERPCInterface("8f09f000-b7ed-11ce-bbd2-00001a181cad", "rras"),
        DCERPCInterface("6bffd098-a112-3610-9833-46c3f874532d", "dhcpsrv"),
        DCERPCInterface("5b821720-f63b-11d0-aad2-00c04fc324db", "dhcpsrv2"),
        DCERPCInterface("3c4728c5-f0ab-448b-bda1-6ce01eb0a6d5", "RpcSrvDHCPC"),
        DCERPCInterface("3c4728c5-f0ab-448b-bda1-6ce01eb0a6d6", "dhcpcsvc6"),
        DCERPCInterface("45f52c28-7f9f-101a-b52b-08002b2efabe", "winspipe"),
        DCERPCInterface("811109bf-a4e1-11d1-ab54-00a0c91e9b45", "winsi2"),
        DCERPCInterface("342cfd40-3c6c-11ce-a893-08002b2e9c6d", "llsrpc"),
        DCERPCInterface("57674cd0-5200-11ce-a897-08002b2e9c6d", "lls_license"),
        DCERPCInterface("8d0ffe72-d252-11d0-bf8f-00c04fd9126b", "IKeySvc"),
        DCERPCInterface("68b58241-c259-4f03-a2e5-a2651dcbc930", "IKeySvc2"),
        DCERPCInterface("0d72a7d4-6148-11d1-b4aa-00c04fb66ea0", "ICertProtect"),
        DCERPCInterface("c8cb7687-e6d3-11d2-a958-00c04f682e16", "DAV RPC SERVICE"),
        DCERPCInterface("3faf4738-3a21-4307-b46c-fdda9bb8c0d5", "AudioSrv"),
        DCERPCInterface("83da7c00-e84f-11d2-9807-00c04f8ec850", "sfcapi"),
        DCERPCInterface("2f5f3220-c126-1076-b549-074d078619da", "nddeapi"),
        DCERPCInterface("51c82175-844e-4750-b0d8-ec255555bc06", "KMS"),
        DCERPCInterface("b97db8b2-4c63-11cf-bff6-08002be23f2f", "clusapi"),
        DCERPCInterface("da5a86c5-12c2-4943-ab30-7f74a813d853", "PerflibV2"),
        DCERPCInterface("70b51430-b6ca-11d0-b9b9-00a0c922e750", "IMSAdminBaseW"),
        DCERPCInterface("ea0a3165-4834-11d2-a6f8-00c04fa346cc", "fax"),
        DCERPCInterface("fdb3a030-065f-11d1-bb9b-00a024ea5525", "qmcomm"),
        DCERPCInterface("1088a980-eae5-11d0-8d9b-00a02453c337", "qm2qm"),
        DCERPCInterface("1a9134dd-7b39-45ba-ad88-44d01ca47f28", "RemoteRead"),
        DCERPCInterface("d6d70ef0-0e3b-11cb-acc3-08002b1d29c3", "NsiS"),
        DCERPCInterface("d3fbb514-0e3b-11cb-8fad-08002b1d29c3", "NsiC"),
        DCERPCInterface("d6d70ef0-0e3b-11cb-acc3-08002b1d29c4", "NsiM"),
    ]
}
