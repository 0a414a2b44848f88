/// A keyword that tests a number of a protocol's transactions.
struct SuricataNumber: Sendable {
    let keyword: String
    let sticky: SuricataSticky?
    let range: ClosedRange<Int64>
    /// Values that have a name, in lower case.
    var names: [String: Int64] = [:]

    private init(
        _ keyword: String, _ service: String, _ field: String, _ range: ClosedRange<Int64>,
        names: [String: Int64] = [:], side: Direction? = nil
    ) {
        self.keyword = keyword
        sticky = SuricataSticky(keyword, service, field, side: side)
        self.range = range
        self.names = names
    }

    static let all: [SuricataNumber] = [
        SuricataNumber("dns.opcode", "dns", "dns.opcode", 0...255, names: opcodes),
        SuricataNumber("dns.rcode", "dns", "dns.rcode", 0...65_535, names: responseCodes),
        // What is asked for, and what is answered.
        SuricataNumber(
            "dns.rrtype", "dns", "dns.rrtype.number", 0...65_535, names: recordTypes),
        SuricataNumber("tls.cert_chain_len", "tls", "tls.cert_chain_len", 0...0xffff_ffff),
        SuricataNumber("ftp.dynamic_port", "ftp", "ftp.dynamic_port", 0...65_535),
        SuricataNumber("http2.priority", "http", "http2.priority", 0...255),
        SuricataNumber("http2.size_update", "http", "http2.size_update", 0...0xffff_ffff),
        SuricataNumber("http2.window", "http", "http2.window", 0...0xffff_ffff),
        SuricataNumber("krb5_msg_type", "krb5", "krb5.msg_type", 0...255),
        SuricataNumber("krb5_err_code", "krb5", "krb5.error_code", 0...0xffff_ffff),
    ]

    // MARK: Names

    private static let recordTypes = named(0...65_535, DNSNumbers.typeName)
    private static let responseCodes = named(0...4095, DNSNumbers.responseCodeName)
    private static let opcodes = named(0...15) {
        DNSNumbers.opcodeName(UInt8(truncatingIfNeeded: $0))
    }

    private static func named(
        _ numbers: ClosedRange<UInt16>, _ name: (UInt16) -> StaticString?
    ) -> [String: Int64] {
        var names: [String: Int64] = [:]
        for number in numbers {
            if let name = name(number) { names["\(name)".lowercased()] = Int64(number) }
        }
        return names
    }
}
