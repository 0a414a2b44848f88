/// Where the contents of a rule are looked for.
struct SuricataBuffer: Equatable {
    enum Place: Equatable {
        case payload
        /// A field of packets, by its index there.
        case packet(Int)
        /// What a step of another buffer decodes.
        case base64(buffer: Int, step: Int)
        /// A field of a protocol's transactions.
        case transaction(SuricataSticky)
        /// The address of the sender or the receiver.
        case end(isSource: Bool)
    }

    /// What `absent` says: the field is not there, or it is not there or the rest holds.
    enum Absence: Equatable {
        case only, orElse
    }

    /// A test of a number.
    struct NumberTest: Equatable {
        /// Of which of the field's values it must hold.
        var elements: ElementChoice?
        /// One of them must hold.
        var predicates: [Predicate]
        /// None of them must hold, of a number that is there.
        var isNegated = false

        func condition(_ field: FieldID) -> Condition {
            func match(_ predicate: Predicate) -> Condition {
                .match(FieldMatch(field: field, elements: elements, predicate: predicate))
            }
            let any = Condition.anyOf(predicates.map(match))
            return isNegated ? .allOf([match(.exists(true)), .negation(any)]) : any
        }
    }

    var place: Place
    var transforms: [Transform] = []
    var steps: [SequenceStep] = []
    /// Tests of the field other than steps: numbers, sets.
    var predicates: [Predicate] = []
    /// Tests of numbers.
    var numberTests: [NumberTest] = []
    /// Whole conditions on the field.
    var conditions: [Condition] = []
    /// `absent`.
    var absence: Absence?
    /// Steps that there were when it was named again.
    var restarts: [Int] = []
    /// Where it was named, in bytes of the rule.
    var offset = 0
}

/// What a sticky buffer, or a keyword that tests one value, looks at.
struct SuricataSticky: Equatable, Sendable {
    /// Keyword as it is called today.
    var keyword: String
    /// Index of the protocol in `FieldRegistry.subjects`.
    var subject: Int
    /// The field with the values of each direction, and the one with those of both; nil where the direction has none.
    var toServer: Int?
    var toClient: Int?
    var both: Int
    /// Each time that it is named, another element is meant.
    var isMulti = false
    /// The direction that its keyword names.
    var side: Direction?

    init?(
        _ keyword: String, _ service: String, _ name: String? = nil, toServer: String? = nil,
        toClient: String? = nil, isMulti: Bool = false, side: Direction? = nil
    ) {
        guard let subject = FieldRegistry.subject(named: service),
            let id = FieldRegistry.field(named: name ?? keyword, subject: subject),
            Int(id.subject) == subject
        else { return nil }
        let definition = FieldRegistry.subjects[subject]
        let index = Int(id.index)
        func field(_ name: String?, _ direction: Direction) -> Int? {
            if let name {
                return FieldRegistry.field(named: name, subject: subject).map { Int($0.index) }
            }
            let variant = definition.field(direction, of: index)
            return definition.fields[variant].isSeen(direction) ? variant : nil
        }
        self.keyword = keyword
        self.subject = subject
        self.toServer = field(toServer, .toServer)
        self.toClient = field(toClient, .toClient)
        both = index
        self.isMulti = isMulti
        self.side = side
    }

    /// Whether there may be several values.
    var isList: Bool { FieldRegistry.definition(of: field(.toClient)).isList }

    /// The field for a rule on one direction, or on both.
    func field(_ direction: Direction?) -> FieldID {
        let index: Int
        switch side ?? direction {
        case .toServer: index = toServer ?? both
        case .toClient: index = toClient ?? both
        default: index = both
        }
        return FieldID(
            subject: UInt8(truncatingIfNeeded: subject), index: UInt16(truncatingIfNeeded: index))
    }

    /// The only direction that it is seen in.
    var direction: Direction? {
        if let side { return side }
        if toServer == nil { return .toClient }
        return toClient == nil ? .toServer : nil
    }
}

/// The sticky buffers: keyword, protocol, and the field where that has another name.
enum SuricataBuffers {
    /// Old names of sticky buffers, and keywords that put the content before them into a buffer.
    static let modifiers: [String: String] = [
        "http_client_body": "http.request_body", "http_server_body": "http.response_body",
        "http_uri": "http.uri", "http_raw_uri": "http.uri.raw", "http_header": "http.header",
        "http_raw_header": "http.header.raw", "http_cookie": "http.cookie",
        "http_method": "http.method", "http_stat_code": "http.stat_code",
        "http_stat_msg": "http.stat_msg", "http_user_agent": "http.user_agent",
        "http_host": "http.host", "http_raw_host": "http.host.raw",
    ]

    /// Flags of `pcre` that choose a buffer.
    static let regexFlags: [UInt8: String] = [
        UInt8(ascii: "U"): "http.uri", UInt8(ascii: "I"): "http.uri.raw",
        UInt8(ascii: "P"): "http.request_body", UInt8(ascii: "Q"): "http.response_body",
        UInt8(ascii: "H"): "http.header", UInt8(ascii: "D"): "http.header.raw",
        UInt8(ascii: "M"): "http.method", UInt8(ascii: "C"): "http.cookie",
        UInt8(ascii: "S"): "http.stat_code", UInt8(ascii: "Y"): "http.stat_msg",
        UInt8(ascii: "V"): "http.user_agent", UInt8(ascii: "W"): "http.host",
        UInt8(ascii: "Z"): "http.host.raw",
    ]

    /// Other names of sticky buffers.
    private static let aliases: [String: String] = [
        "http_accept": "http.accept", "http_accept_enc": "http.accept_enc",
        "http_accept_lang": "http.accept_lang", "http_connection": "http.connection",
        "http_content_len": "http.content_len", "http_content_type": "http.content_type",
        "http_header_names": "http.header_names", "http_protocol": "http.protocol",
        "http_referer": "http.referer", "http_request_line": "http.request_line",
        "http_response_line": "http.response_line", "http_start": "http.start",
        "http_request_header": "http.request_header",
        "http_response_header": "http.response_header",
        "dns_query": "dns.query", "tls_sni": "tls.sni", "tls_cert_subject": "tls.cert_subject",
        "tls_cert_issuer": "tls.cert_issuer", "tls_cert_serial": "tls.cert_serial",
        "tls_cert_fingerprint": "tls.cert_fingerprint", "ja3_hash": "ja3.hash",
        "ja3_string": "ja3.string", "ja4_hash": "ja4.hash", "ssh_proto": "ssh.proto",
        "ssh_software": "ssh.software", "dce_stub_data": "dcerpc.stub_data",
        "smb_named_pipe": "smb.named_pipe", "smb_share": "smb.share",
        "krb5_cname": "krb5.cname", "krb5_sname": "krb5.sname", "snmp_community": "snmp.community",
        "snmp_usm": "snmp.usm", "dnp3_data": "dnp3.data",
    ]

    /// Sticky buffers whose every mention is about another element.
    private static let multiple: Set<String> = [
        "dns.query", "http.request_header", "http.response_header", "http2.header_name",
        "krb5.cname", "krb5.sname", "mqtt.subscribe.topic", "mqtt.unsubscribe.topic", "ike.vendor",
        "tls.certs", "dns.query.name", "dns.answer.name", "quic.cyu.hash", "quic.cyu.string",
        "tls.alpn", "tls.subjectaltname", "dns.answers.rrname", "dns.queries.rrname",
        "dns.authorities.rrname", "dns.additionals.rrname", "dns.response.rrname",
        "mdns.answers.rrname", "mdns.queries.rrname", "mdns.authorities.rrname",
        "mdns.additionals.rrname", "mdns.response.rrname", "llmnr.answers.rrname",
        "llmnr.queries.rrname", "llmnr.authorities.rrname", "llmnr.additionals.rrname",
        "llmnr.response.rrname", "smtp.rcpt_to", "email.url", "email.received",
        "ftp.reply", "ftp.completion_code", "sip.via",
    ]

    /// Sticky buffers of protocols, in the order of the protocols' names. Where no field of that name is known, rules
    /// with it are skipped.
    private static let names: [String] = [
        "dcerpc.stub_data", "dnp3.data", "dns.query", "dns.query.name", "dns.answer.name",
        "dns.answers.rrname", "dns.queries.rrname", "dns.authorities.rrname",
        "dns.additionals.rrname", "dns.response.rrname",
        "email.from", "email.to", "email.cc", "email.subject", "email.date", "email.message_id",
        "email.x_mailer", "email.url", "email.received", "email.body_md5",
        "enip.product_name", "enip.service_name", "ftp.command", "ftp.command_data", "ftp.reply",
        "ftp.completion_code",
        "http.accept", "http.accept_enc", "http.accept_lang", "http.connection",
        "http.content_len", "http.content_type", "http.cookie", "http.header", "http.header.raw",
        "http.header_names", "http.host", "http.host.raw", "http.location", "http.method",
        "http.protocol", "http.referer", "http.request_body", "http.request_header",
        "http.request_line", "http.response_body", "http.response_header", "http.response_line",
        "http.server", "http.start", "http.stat_code", "http.stat_msg", "http.uri",
        "http.uri.raw", "http.user_agent", "http2.header_name",
        "ike.init_spi", "ike.resp_spi", "ike.vendor", "ike.nonce_payload",
        "ike.key_exchange_payload",
        "ja3.hash", "ja3.string", "ja3s.hash", "ja3s.string", "ja4.hash", "krb5.cname",
        "krb5.sname", "ldap.request.dn", "ldap.responses.dn", "ldap.responses.message",
        "ldap.request.attribute_type", "ldap.responses.attribute_type",
        "llmnr.queries.rrname", "llmnr.answers.rrname", "llmnr.authorities.rrname",
        "llmnr.additionals.rrname", "llmnr.response.rrname",
        "mdns.queries.rrname", "mdns.answers.rrname", "mdns.authorities.rrname",
        "mdns.additionals.rrname", "mdns.response.rrname",
        "mqtt.connect.clientid", "mqtt.connect.username",
        "mqtt.connect.password", "mqtt.connect.willtopic", "mqtt.connect.willmessage",
        "mqtt.connect.protocol_string", "mqtt.publish.topic", "mqtt.publish.message",
        "mqtt.subscribe.topic", "mqtt.unsubscribe.topic", "nfs.filename", "pgsql.query",
        "pop3.command", "quic.sni",
        "quic.ua", "quic.version", "quic.cyu.hash", "quic.cyu.string", "rfb.name", "sdp.origin",
        "sip.method", "sip.uri", "sip.protocol", "sip.stat_code", "sip.stat_msg",
        "sip.request_line", "sip.response_line", "sip.from", "sip.to", "sip.via",
        "sip.user_agent", "sip.content_type", "sip.content_length",
        "smb.named_pipe", "smb.share", "smb.ntlmssp_user", "smb.ntlmssp_domain",
        "smtp.helo", "smtp.mail_from", "smtp.rcpt_to", "snmp.community", "snmp.usm",
        "ssh.hassh", "ssh.hassh.server", "ssh.hassh.string", "ssh.hassh.server.string",
        "ssh.proto", "ssh.software", "tls.alpn", "tls.cert_fingerprint", "tls.cert_issuer",
        "tls.cert_serial", "tls.cert_subject", "tls.certs", "tls.random", "tls.random_bytes",
        "tls.random_time", "tls.sni", "tls.subjectaltname", "websocket.payload",
    ]

    /// Protocols of buffers that are not called like them.
    private static let services = [
        "ja3": "tls", "ja3s": "tls", "ja4": "tls", "ja4s": "tls", "email": "smtp",
        "sdp": "sip", "http2": "http",
    ]

    /// Fields that are not called like their keyword.
    private static let fields = ["smb.named_pipe": "smb.pipe_share"]

    /// Fields of the two directions where they are not variants of one name.
    private static let sides: [String: (toServer: String?, toClient: String?)] = [
        "tls.cert_subject": ("tls.client.cert_subject", "tls.cert_subject"),
        "tls.cert_issuer": ("tls.client.cert_issuer", "tls.cert_issuer"),
        "tls.cert_serial": ("tls.client.cert_serial", "tls.cert_serial"),
        "tls.cert_fingerprint": ("tls.client.cert_fingerprint", "tls.cert_fingerprint"),
        "tls.certs": ("tls.client.certs", "tls.certs"),
        "tls.random": ("tls.random", "tls.server.random"),
        "tls.random_time": ("tls.random_time", "tls.server.random_time"),
        "tls.random_bytes": ("tls.random_bytes", "tls.server.random_bytes"),
        "krb5.cname": (nil, "krb5.response.cname"), "krb5.sname": (nil, "krb5.response.sname"),
        "tls.alpn": ("tls.alpn", "tls.server.alpn"),
    ]

    /// Buffers of which Suricata knows only what the answer says.
    private static let ofAnswers: Set<String> = ["krb5.cname", "krb5.sname"]

    /// All names of sticky buffers; nil where the field is not there.
    static let sticky: [String: SuricataSticky?] = {
        var table: [String: SuricataSticky?] = [:]
        for name in names {
            let prefix = String(name.prefix { $0 != "." })
            let side = sides[name]
            table[name] = .some(
                SuricataSticky(
                    name, services[prefix] ?? prefix, fields[name], toServer: side?.toServer,
                    toClient: side?.toClient, isMulti: multiple.contains(name),
                    side: ofAnswers.contains(name) ? .toClient : nil))
        }
        for (alias, name) in aliases { table[alias] = table[name] ?? .some(nil) }
        return table
    }()

    static func named(_ name: String) -> SuricataSticky? { sticky[name] ?? nil }

    /// The files of HTTP's own messages.
    static let httpFileData = SuricataSticky("file.data", "http", "http.file_data")
    static let httpFileName = SuricataSticky("file.name", "http", "http.file_name")
}
