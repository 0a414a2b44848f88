/// What a keyword of a Suricata rule does.
enum SuricataKeyword: Sendable {
    typealias Apply =
        @Sendable (inout SuricataDraft, SuricataOption, SuricataTables) throws(SuricataProblem) ->
        Void

    /// Contents from here on go to a buffer; nil where its field is not there.
    case sticky(SuricataSticky?)
    /// The content before it goes to the buffer of this name.
    case modifier(String)
    case transform(Transform)
    /// A number of packets: its field, the range of values.
    case number(String, ClosedRange<Int64>)
    case transactionNumber(SuricataNumber)
    /// A header of packets as a sticky buffer.
    case packetBuffer(String)
    /// It says how to inspect, or what else to do, without changing what matches.
    case withoutEffect
    /// Known to Suricata, not to us.
    case unsupported
    case other(Apply)

    func apply(
        to draft: inout SuricataDraft, _ option: SuricataOption, _ tables: SuricataTables
    ) throws(SuricataProblem) {
        switch self {
        case .sticky(let sticky): try draft.stick(to: sticky, option)
        case .modifier(let name):
            guard let sticky = SuricataBuffers.named(name) else {
                throw option.unsupported("the buffer '\(name)'")
            }
            try option.bare()
            try draft.moveLastContent(to: sticky, option)
        case .transform(let transform):
            try option.bare()
            try draft.transform(transform, option)
        case .number(let field, let range): try draft.number(option, of: field, in: range)
        case .transactionNumber(let number):
            try draft.number(option, of: number.sticky, in: number.range, names: number.names)
        case .packetBuffer(let field):
            try option.bare()
            draft.requiresPacket = true
            draft.select(.packet(Int(SuricataDraft.field(field).index)), at: option.offset)
        case .withoutEffect: break
        case .unsupported: throw option.unsupported()
        case .other(let apply): try apply(&draft, option, tables)
        }
    }
}

/// The keywords of Suricata rules, one row each.
enum SuricataKeywords {
    private typealias Apply = SuricataKeyword.Apply

    /// All keywords by their names, old ones included.
    static let table: [String: SuricataKeyword] = {
        var table: [String: SuricataKeyword] = [:]
        for (name, sticky) in SuricataBuffers.sticky { table[name] = .sticky(sticky) }
        for (name, buffer) in SuricataBuffers.modifiers { table[name] = .modifier(buffer) }
        for (name, transform) in transforms { table[name] = .transform(transform) }
        for (name, field, range) in numbers { table[name] = .number(field, range) }
        for number in SuricataNumber.all { table[number.keyword] = .transactionNumber(number) }
        for (name, field) in packetBuffers { table[name] = .packetBuffer(field) }
        for name in withoutEffect { table[name] = .withoutEffect }
        for name in unsupported { table[name] = .unsupported }
        for (name, field, version, proto) in checksums {
            table[name] = .other { (d, o, _) throws(SuricataProblem) in
                try d.checksum(o, field, version: version, proto: proto)
            }
        }
        for (name, apply) in meta + payload + packets + flows + protocols + values {
            table[name] = .other(apply)
        }
        return table
    }()

    private static let meta: [(String, Apply)] = [
        ("msg", { (d, o, _) throws(SuricataProblem) in try d.message(o) }),
        ("sid", { (d, o, _) throws(SuricataProblem) in try d.signatureID(o) }),
        ("rev", { (d, o, _) throws(SuricataProblem) in try d.revision(o) }),
        ("gid", { (d, o, _) throws(SuricataProblem) in try d.generatorID(o) }),
        ("priority", { (d, o, _) throws(SuricataProblem) in try d.setPriority(o) }),
        ("classtype", { (d, o, _) throws(SuricataProblem) in try d.setClassType(o) }),
        ("reference", { (d, o, t) throws(SuricataProblem) in try d.reference(o, t) }),
        ("metadata", { (d, o, _) throws(SuricataProblem) in try d.metadata(o) }),
        ("target", { (d, o, _) throws(SuricataProblem) in try d.target(o) }),
        ("bypass", { (d, _, _) throws(SuricataProblem) in d.bypasses = true }),
        ("noalert", { (d, _, _) throws(SuricataProblem) in d.alerts = false }),
        ("alert", { (d, _, _) throws(SuricataProblem) in d.alerts = true }),
    ]

    private static let payload: [(String, Apply)] = [
        ("content", { (d, o, _) throws(SuricataProblem) in try d.content(o) }),
        ("nocase", { (d, o, _) throws(SuricataProblem) in try d.noCase(o) }),
        ("offset", { (d, o, _) throws(SuricataProblem) in try d.offset(o) }),
        ("depth", { (d, o, _) throws(SuricataProblem) in try d.depth(o) }),
        ("distance", { (d, o, _) throws(SuricataProblem) in try d.distance(o) }),
        ("within", { (d, o, _) throws(SuricataProblem) in try d.within(o) }),
        ("startswith", { (d, o, _) throws(SuricataProblem) in try d.startsWith(o) }),
        ("endswith", { (d, o, _) throws(SuricataProblem) in try d.endsWith(o) }),
        ("fast_pattern", { (d, o, _) throws(SuricataProblem) in try d.fastPattern(o) }),
        ("isdataat", { (d, o, _) throws(SuricataProblem) in try d.isDataAt(o) }),
        ("bsize", { (d, o, _) throws(SuricataProblem) in try d.bufferSize(o) }),
        ("byte_test", { (d, o, _) throws(SuricataProblem) in try d.byteTest(o) }),
        ("byte_jump", { (d, o, _) throws(SuricataProblem) in try d.byteJump(o) }),
        ("byte_extract", { (d, o, _) throws(SuricataProblem) in try d.byteExtract(o) }),
        ("byte_math", { (d, o, _) throws(SuricataProblem) in try d.byteMath(o) }),
        ("pcre", { (d, o, _) throws(SuricataProblem) in try d.regex(o) }),
        ("uricontent", { (d, o, _) throws(SuricataProblem) in try d.uriContent(o) }),
        ("urilen", { (d, o, _) throws(SuricataProblem) in try d.uriLength(o) }),
        (
            "pkt_data",
            { (d, o, _) throws(SuricataProblem) in
                try o.bare()
                d.current = 0
            }
        ),
        ("xor", { (d, o, _) throws(SuricataProblem) in try d.xor(o) }),
        ("file.data", { (d, o, _) throws(SuricataProblem) in try d.fileBuffer("file.data", o) }),
        ("file_data", { (d, o, _) throws(SuricataProblem) in try d.fileBuffer("file.data", o) }),
        ("file.name", { (d, o, _) throws(SuricataProblem) in try d.fileBuffer("file.name", o) }),
        ("file.magic", { (d, o, _) throws(SuricataProblem) in try d.fileBuffer("file.magic", o) }),
        ("filename", { (d, o, _) throws(SuricataProblem) in try d.fileText("file.name", o) }),
        ("filemagic", { (d, o, _) throws(SuricataProblem) in try d.fileText("file.magic", o) }),
        ("fileext", { (d, o, _) throws(SuricataProblem) in try d.fileExtension(o) }),
        ("filesize", { (d, o, _) throws(SuricataProblem) in try d.fileSize(o) }),
        ("ip.src", { (d, o, _) throws(SuricataProblem) in try d.address(isSource: true, o) }),
        ("ip.dst", { (d, o, _) throws(SuricataProblem) in try d.address(isSource: false, o) }),
        ("geoip", { (d, o, _) throws(SuricataProblem) in try d.country(o) }),
        ("iprep", { (d, o, _) throws(SuricataProblem) in try d.hostReputation(o) }),
        ("filestore", { (d, o, _) throws(SuricataProblem) in try d.fileStore(o) }),
        ("filemd5", { (d, o, _) throws(SuricataProblem) in try d.fileHash(.md5, o) }),
        ("filesha1", { (d, o, _) throws(SuricataProblem) in try d.fileHash(.sha1, o) }),
        ("filesha256", { (d, o, _) throws(SuricataProblem) in try d.fileHash(.sha256, o) }),
    ]

    private static let packets: [(String, Apply)] = [
        ("rpc", { (d, o, _) throws(SuricataProblem) in try d.remoteProcedure(o) }),
        ("dsize", { (d, o, _) throws(SuricataProblem) in try d.size(o) }),
        ("tos", { (d, o, _) throws(SuricataProblem) in try d.serviceType(o) }),
        ("dataset", { (d, o, _) throws(SuricataProblem) in try d.dataset(o) }),
        ("datarep", { (d, o, _) throws(SuricataProblem) in try d.reputation(o) }),
        ("sameip", { (d, o, _) throws(SuricataProblem) in try d.sameIP(o) }),
        ("ipopts", { (d, o, _) throws(SuricataProblem) in try d.ipOptions(o) }),
        ("ip_proto", { (d, o, _) throws(SuricataProblem) in try d.ipProtocol(o) }),
        (
            "app-layer-protocol",
            { (d, o, _) throws(SuricataProblem) in try d.applicationProtocol(o) }
        ),
        ("decode-event", { (d, o, _) throws(SuricataProblem) in try d.decoderEvent(o) }),
        ("engine-event", { (d, o, _) throws(SuricataProblem) in try d.decoderEvent(o) }),
        ("stream-event", { (d, o, _) throws(SuricataProblem) in try d.streamEvent(o) }),
        ("app-layer-event", { (d, o, _) throws(SuricataProblem) in try d.applicationEvent(o) }),
    ]

    private static let protocols: [(String, Apply)] = [
        ("absent", { (d, o, _) throws(SuricataProblem) in try d.absent(o) }),
        (
            "tls.subject",
            { (d, o, _) throws(SuricataProblem) in try d.certificateText(o, "tls.cert_subject") }
        ),
        (
            "tls.issuerdn",
            { (d, o, _) throws(SuricataProblem) in try d.certificateText(o, "tls.cert_issuer") }
        ),
        ("tls.store", { (d, o, _) throws(SuricataProblem) in try d.certificateStore(o) }),
        ("tls_store", { (d, o, _) throws(SuricataProblem) in try d.certificateStore(o) }),
        ("tls.fingerprint", { (d, o, _) throws(SuricataProblem) in try d.fingerprint(o) }),
        (
            "tls_cert_notbefore",
            { (d, o, _) throws(SuricataProblem) in
                try d.certificateTime(o, "tls.cert_notbefore.seconds")
            }
        ),
        (
            "tls_cert_notafter",
            { (d, o, _) throws(SuricataProblem) in
                try d.certificateTime(o, "tls.cert_notafter.seconds")
            }
        ),
        (
            "tls_cert_expired",
            { (d, o, _) throws(SuricataProblem) in
                try d.certificateValidity(o, isExpired: true)
            }
        ),
        (
            "tls_cert_valid",
            { (d, o, _) throws(SuricataProblem) in
                try d.certificateValidity(o, isExpired: false)
            }
        ),
        ("ssh.protoversion", { (d, o, _) throws(SuricataProblem) in try d.sshVersion(o) }),
        ("ssh.softwareversion", { (d, o, _) throws(SuricataProblem) in try d.sshSoftware(o) }),
        ("dcerpc.iface", { (d, o, _) throws(SuricataProblem) in try d.interface(o) }),
        ("dce_iface", { (d, o, _) throws(SuricataProblem) in try d.interface(o) }),
        ("dcerpc.opnum", { (d, o, _) throws(SuricataProblem) in try d.operation(o) }),
        ("dce_opnum", { (d, o, _) throws(SuricataProblem) in try d.operation(o) }),
        ("l3_proto", { (d, o, _) throws(SuricataProblem) in try d.networkProtocol(o) }),
    ]

    /// Checksums, with the field, and the version of IP and the protocol that have them.
    private static let checksums: [(String, String, Int64, String?)] = [
        ("ipv4-csum", "packet.ip_checksum_valid", 4, nil),
        ("tcpv4-csum", "packet.checksum_valid", 4, "tcp"),
        ("tcpv6-csum", "packet.checksum_valid", 6, "tcp"),
        ("udpv4-csum", "packet.checksum_valid", 4, "udp"),
        ("udpv6-csum", "packet.checksum_valid", 6, "udp"),
        ("icmpv4-csum", "packet.checksum_valid", 4, "icmp"),
        ("icmpv6-csum", "packet.checksum_valid", 6, "icmpv6"),
    ]

    private static let values: [(String, Apply)] = [
        ("tcp.flags", { (d, o, _) throws(SuricataProblem) in try d.flags(o, of: "tcp.flags") }),
        ("flags", { (d, o, _) throws(SuricataProblem) in try d.flags(o, of: "tcp.flags") }),
        ("fragbits", { (d, o, _) throws(SuricataProblem) in try d.flags(o, of: "ip.flags") }),
        ("stream_size", { (d, o, _) throws(SuricataProblem) in try d.streamSize(o) }),
        ("flow.age", { (d, o, _) throws(SuricataProblem) in try d.flowNumber(o) }),
        ("flow.pkts", { (d, o, _) throws(SuricataProblem) in try d.flowNumberOfSide(o) }),
        ("flow.bytes", { (d, o, _) throws(SuricataProblem) in try d.flowNumberOfSide(o) }),
        ("flow.pkts_toserver", { (d, o, _) throws(SuricataProblem) in try d.flowNumber(o) }),
        ("flow.pkts_toclient", { (d, o, _) throws(SuricataProblem) in try d.flowNumber(o) }),
        ("flow.bytes_toserver", { (d, o, _) throws(SuricataProblem) in try d.flowNumber(o) }),
        ("flow.bytes_toclient", { (d, o, _) throws(SuricataProblem) in try d.flowNumber(o) }),
        ("base64_decode", { (d, o, _) throws(SuricataProblem) in try d.base64Decode(o) }),
        ("base64_data", { (d, o, _) throws(SuricataProblem) in try d.base64Data(o) }),
        ("from_base64", { (d, o, _) throws(SuricataProblem) in try d.fromBase64(o) }),
        (
            "gunzip",
            { (d, o, _) throws(SuricataProblem) in try d.unpack(o) { .gunzip(byteCountMax: $0) } }
        ),
        (
            "zlib_deflate",
            { (d, o, _) throws(SuricataProblem) in
                try d.unpack(o) { .zlibDeflate(byteCountMax: $0) }
            }
        ),
        ("subslice", { (d, o, _) throws(SuricataProblem) in try d.subslice(o) }),
        ("pcrexform", { (d, o, _) throws(SuricataProblem) in try d.replace(o) }),
        ("asn1", { (d, o, _) throws(SuricataProblem) in try d.asn1(o) }),
        ("entropy", { (d, o, _) throws(SuricataProblem) in try d.entropy(o) }),
        (
            "ftp.mode",
            { (d, o, _) throws(SuricataProblem) in
                try d.ftpWord(o, "ftp", o.name, [["active"], ["passive"]])
            }
        ),
        (
            "ftp.reply_received",
            { (d, o, _) throws(SuricataProblem) in
                try d.ftpWord(
                    o, "ftp", o.name, [["yes", "true", "1", "on"], ["no", "false", "0", "off"]])
            }
        ),
        (
            "ftpdata_command",
            { (d, o, _) throws(SuricataProblem) in
                try d.ftpWord(o, "ftp-data", "ftp-data.command", [["retr"], ["stor"]])
            }
        ),
        ("ftpbounce", { (d, o, _) throws(SuricataProblem) in try d.ftpBounce(o) }),
        (
            "http2.frametype",
            { (d, o, _) throws(SuricataProblem) in
                try d.http2Name(o, among: HTTP2FrameType.names)
            }
        ),
        (
            "http2.errorcode",
            { (d, o, _) throws(SuricataProblem) in try d.http2Name(o, among: HTTP2.errorNames) }
        ),
        ("http2.settings", { (d, o, _) throws(SuricataProblem) in try d.http2Setting(o) }),
        ("tls.version", { (d, o, _) throws(SuricataProblem) in try d.tlsVersion(o) }),
        ("ssl_version", { (d, o, _) throws(SuricataProblem) in try d.sslVersion(o) }),
        ("ssl_state", { (d, o, _) throws(SuricataProblem) in try d.sslState(o) }),
    ]

    private static let flows: [(String, Apply)] = [
        ("flow", { (d, o, _) throws(SuricataProblem) in try d.flow(o) }),
        ("flowbits", { (d, o, _) throws(SuricataProblem) in try d.flowBits(o) }),
        ("xbits", { (d, o, _) throws(SuricataProblem) in try d.xBits(o) }),
        ("hostbits", { (d, o, _) throws(SuricataProblem) in try d.hostBits(o) }),
        ("flowint", { (d, o, _) throws(SuricataProblem) in try d.flowInt(o) }),
        ("threshold", { (d, o, _) throws(SuricataProblem) in try d.threshold(o) }),
        ("detection_filter", { (d, o, _) throws(SuricataProblem) in try d.detectionFilter(o) }),
    ]

    private static let transforms: [(String, Transform)] = [
        ("to_lowercase", .toLowercase), ("to_uppercase", .toUppercase),
        ("strip_whitespace", .stripWhitespace), ("compress_whitespace", .compressWhitespace),
        ("url_decode", .urlDecode), ("dotprefix", .dotprefix),
        ("header_lowercase", .headerLowercase), ("to_md5", .toMD5), ("to_sha1", .toSHA1),
        ("to_sha256", .toSHA256), ("strip_pseudo_headers", .stripPseudoHeaders),
        ("domain", .domain), ("tld", .tld),
    ]

    /// Numbers of packets, with the field and the range of values.
    private static let numbers: [(String, String, ClosedRange<Int64>)] = [
        ("ttl", "ip.ttl", 0...255), ("id", "ip.id", 0...65_535),
        ("fragoffset", "ip.fragoffset", 0...65_535),
        ("itype", "icmp.type", 0...255), ("icode", "icmp.code", 0...255),
        ("icmp_id", "icmp.id", 0...65_535), ("icmp_seq", "icmp.seq", 0...65_535),
        ("icmpv6.mtu", "icmp.mtu", 0...0xffff_ffff),
        ("tcp.seq", "tcp.seq", 0...0xffff_ffff),
        ("seq", "tcp.seq", 0...0xffff_ffff),
        ("tcp.ack", "tcp.ack", 0...0xffff_ffff),
        ("ack", "tcp.ack", 0...0xffff_ffff),
        ("tcp.window", "tcp.window", 0...65_535),
        ("window", "tcp.window", 0...65_535),
        ("tcp.mss", "tcp.mss", 0...65_535), ("vlan.id", "vlan.id", 0...4095),
        ("vlan.layers", "vlan.layers", 0...3),
    ]

    /// Headers of packets as sticky buffers.
    private static let packetBuffers: [(String, String)] = [
        ("ipv4.hdr", "ipv4.hdr"), ("ipv6.hdr", "ipv6.hdr"), ("tcp.hdr", "tcp.hdr"),
        ("udp.hdr", "udp.hdr"), ("icmpv4.hdr", "icmp.hdr"), ("icmpv6.hdr", "icmpv6.hdr"),
        ("ether.hdr", "ether.hdr"),
    ]

    /// Keywords that say how to inspect, or what else to do, without changing what matches.
    private static let withoutEffect = [
        "rawbytes", "prefilter", "requires", "replace", "nfq_set_mark", "tag",
    ]

    /// Whether a keyword is about a protocol of Suricata whose messages nobody parses here, or about
    /// chunks of SCTP: Suricata adds such keywords with every version.
    static func isOfUnparsedProtocol(_ keyword: String) -> Bool {
        unparsedProtocols.contains(keyword.prefix { $0 != "." && $0 != "_" })
    }

    private static let unparsedProtocols: Set<Substring> = [
        "bittorrent", "cip", "dhcp", "dnp3", "enip", "ike", "ldap", "mdns", "modbus", "mqtt", "nfs",
        "ntp", "pgsql", "pop3", "quic", "rfb", "sctp", "sdp", "snmp", "telnet", "template", "tftp",
        "websocket",
    ]

    /// Known to Suricata, not to us.
    private static let unsupported = [
        "app-layer-state", "config", "flowvar", "frame", "krb5.ticket_encryption", "lua", "luajit",
        "luaxform", "pktvar", "smb.version", "tcp.session", "tcp.wscale", "template2",
    ]
}

extension SuricataDraft {
    /// Contents from here on go to a sticky buffer; nil where its field is not there.
    mutating func stick(
        to sticky: SuricataSticky?, _ option: SuricataOption
    ) throws(SuricataProblem) {
        guard var sticky else {
            try option.bare()
            throw option.unsupported("the buffer '\(option.name)'")
        }
        if let value = option.value, !value.isEmpty {
            sticky.side = try Self.side(value, of: sticky)
        }
        select(.transaction(sticky), at: option.offset)
    }

    /// `to_client`: which of the two values that a transaction has.
    private static func side(
        _ value: SuricataValue, of sticky: SuricataSticky
    ) throws(SuricataProblem) -> Direction {
        let sides: [String: Direction] = ["to_server": .toServer, "to_client": .toClient]
        guard let side = sides[value.text] else {
            throw value.error("a sticky buffer takes no value but 'to_server' or 'to_client'")
        }
        if let only = sticky.direction, only != side {
            throw value.error("'\(sticky.keyword)' is seen in the other direction only")
        }
        return side
    }

    mutating func xor(_ option: SuricataOption) throws(SuricataProblem) {
        let value = try option.required()
        guard let key = hexBytes((value.unquoted ?? value).text), !key.isEmpty, key.count <= 255
        else { throw value.error("'xor' takes a key in hexadecimal digits, like \"0d0ac8ff\"") }
        try transform(.xor(key), option)
    }

    mutating func uriContent(_ option: SuricataOption) throws(SuricataProblem) {
        guard let sticky = SuricataBuffers.named("http.uri") else { throw option.unsupported() }
        guard isInPayload else {
            throw option.error("'uricontent' cannot follow a sticky buffer; write 'http.uri'")
        }
        try content(option)
        try moveLastContent(to: sticky, option)
    }

    /// `5<>10,raw`
    mutating func uriLength(_ option: SuricataOption) throws(SuricataProblem) {
        let parts = try option.required().split(",")
        var isRaw = false
        if parts.count > 1 {
            guard ["raw", "norm"].contains(parts[1].text), parts.count == 2 else {
                throw parts[1].error("'urilen' takes 'raw' or 'norm' behind the size")
            }
            isRaw = parts[1].text == "raw"
        }
        let test = try Self.integerTest(parts[0], option, in: 0...65_535)
        let name = isRaw ? "http.uri.raw" : "http.uri"
        // In the buffer that was just named it is a test of its size.
        if isRaw || isAtStart(of: name) {
            guard let sticky = SuricataBuffers.named(name), let size = test.sizeStep else {
                throw parts[0].error(
                    "'urilen' takes a number with < > or ! before it or <> between two")
            }
            let index = buffer(.transaction(sticky), at: option.offset)
            buffers[index].steps.append(size)
            return
        }
        guard let field = SuricataSticky("urilen", "http", "http.uri_length") else {
            throw option.unsupported()
        }
        let index = buffer(.transaction(field), at: option.offset)
        buffers[index].predicates += test.predicates(isList: false)
    }

    /// Whether a sticky buffer was just named and nothing was looked for in it yet.
    private func isAtStart(of keyword: String) -> Bool {
        guard case .transaction(let sticky) = buffers[current].place else { return false }
        return sticky.keyword == keyword && buffers[current].isEmpty
            && buffers[current].transforms.isEmpty
    }

    /// The buffer of a field that does not become the one that contents go to.
    mutating func buffer(_ place: SuricataBuffer.Place, at offset: Int) -> Int {
        let before = current
        select(place, at: offset)
        pendingTransforms = false
        defer { current = before }
        return current
    }
}
