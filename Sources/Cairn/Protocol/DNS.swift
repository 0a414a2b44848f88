/// The Domain Name System over UDP and TCP (RFC 1035), and its two relatives on the local link:
/// multicast DNS (RFC 6762) and LLMNR (RFC 4795).
///
/// A transaction is a query with the response of the same identifier; in mDNS, where nothing pairs
/// them, one message.
enum DNS {
    static let definition = make(.dns)
    static let multicastDefinition = make(.mdns)
    static let linkLocalDefinition = make(.llmnr)

    /// Which of the relatives a table, parser or message belongs to.
    enum Dialect: String, Sendable {
        case dns, mdns, llmnr

        var definition: ProtocolDefinition {
            switch self {
            case .dns: DNS.definition
            case .mdns: DNS.multicastDefinition
            case .llmnr: DNS.linkLocalDefinition
            }
        }
    }

    /// Indices of `anomalies`.
    enum Anomaly: Int, CaseIterable {
        /// Lengths or counts do not fit the message; what was read up to there is kept.
        case malformedData
        /// The client sent a response, the server a query.
        case notRequest, notResponse
        /// The reserved bit of the flags is set (RFC 1035 §4.1.1).
        case zFlagSet
        /// An operation code that nobody has assigned (7 or more).
        case invalidOpcode
        /// Names longer than `DNSName.textByteCountMax`, with too many compression pointers, with
        /// too many labels.
        case nameTooLong, infiniteLoop, tooManyLabels
        /// Malformed data behind the answers.
        case invalidAuthorities, invalidAdditionals
        /// More records than `DNSMessage.recordCountMax`; the rest was not read.
        case tooManyRecords
        /// More queries without a response than a flow may have; the oldest was given up.
        case flooded

        var name: String {
            switch self {
            case .malformedData: "malformed_data"
            case .notRequest: "not_request"
            case .notResponse: "not_response"
            case .zFlagSet: "z_flag_set"
            case .invalidOpcode: "invalid_opcode"
            case .nameTooLong: "name_too_long"
            case .infiniteLoop: "infinite_loop"
            case .tooManyLabels: "too_many_labels"
            case .invalidAuthorities: "invalid_authorities"
            case .invalidAdditionals: "invalid_additionals"
            case .tooManyRecords: "too_many_records"
            case .flooded: "flooded"
            }
        }
    }

    private static func make(_ dialect: Dialect) -> ProtocolDefinition {
        let summary =
            switch dialect {
            case .dns: "DNS messages over UDP and TCP (RFC 1035)"
            case .mdns: "multicast DNS messages (RFC 6762)"
            case .llmnr: "link-local multicast name resolution (RFC 4795)"
            }
        let ports: [UInt16] =
            switch dialect {
            case .dns: [53]
            case .mdns: [5353]
            case .llmnr: [5355]
            }
        return ProtocolDefinition(
            name: dialect.rawValue, summary: summary, fields: fields(dialect.rawValue),
            anomalies: Anomaly.allCases.map(\.name),
            anomalyAliases: ["not_a_request": "not_request", "not_a_response": "not_response"],
            hasAnomaliesEachWay: true,
            overTCP: dialect != .mdns, overUDP: true, ports: ports,
            portUse: dialect == .dns ? .hint : .required,
            detector: { start, context in DNSDetection.detect(start, context) },
            makeParser: { DNSParser(dialect) })
    }
}

/// Indices into the field table of DNS and its relatives.
enum DNSField: Int, CaseIterable {
    case query, rrname, rrtype, rrtypeNumber, rrclass, rrclassNumber
    case queryLength, queryDomain, queryParent
    case id, type, opcode, requestOpcode, responseOpcode, opcodeName, rcode, rcodeName, rejected
    case flags, qr, aa, tc, rd, ra, z, ad, cd
    case answerName, answerType, answerTTL, answerData, answerTypeNumber, answerCount
    case queryNames, authorityNames, additionalNames, responseNames
    case ednsVersion, ednsPayloadSize, ednsDNSSECOK, ednsClientSubnet
}

extension DNS {
    private typealias Row = (DNSField, FieldDefinition)

    /// The fields, under the names of one dialect (`dns.query`, `mdns.query`).
    private static func fields(_ p: String) -> [FieldDefinition] {
        [FieldDefinition](
            rows: questionRows(p) + headerRows(p) + flagRows(p) + recordRows(p) + extensionRows(p))
    }

    private static func questionRows(_ p: String) -> [Row] {
        [
            (
                .query,
                FieldDefinition(
                    "\(p).query", .text, list: true, .toServer, aliases: ["\(p)_query"],
                    "names that the query asks for, in lower case, without the last dot")
            ),
            (
                .rrname,
                FieldDefinition(
                    "\(p).rrname", .text,
                    aliases: ["query", "QueryName", "\(p).question.name"], eve: "rrname",
                    "first name asked for, in lower case; from the response if no query was seen")
            ),
            (
                .rrtype,
                FieldDefinition(
                    "\(p).rrtype", .text,
                    aliases: ["qtype_name", "record_type", "\(p).question.type"], eve: "rrtype",
                    "record type asked for: A, TXT, TYPE65280")
            ),
            (
                .rrtypeNumber,
                FieldDefinition(
                    "\(p).rrtype.number", .integer, aliases: ["qtype"],
                    "record type asked for, as a number; of a response by itself, those of its answers"
                )
            ),
            (
                .rrclass,
                FieldDefinition(
                    "\(p).rrclass", .text, aliases: ["qclass_name"], "class asked for: IN, CH, ANY")
            ),
            (
                .rrclassNumber,
                FieldDefinition(
                    "\(p).rrclass.number", .integer, aliases: ["qclass"],
                    "class asked for, as a number")
            ),
            (
                .queryLength,
                FieldDefinition(
                    "\(p).query.length", .integer, aliases: ["query_length"],
                    "bytes of the first name asked for")
            ),
            (
                .queryDomain,
                FieldDefinition(
                    "\(p).query.domain", .text, aliases: ["query_etld_plus_one"],
                    "registrable domain of the first name asked for: example.co.uk")
            ),
            (
                .queryParent,
                FieldDefinition(
                    "\(p).query.parent", .text, aliases: ["parent_domain"],
                    "first name asked for, without its first label")
            ),
        ]
    }

    private static func headerRows(_ p: String) -> [Row] {
        [
            (
                .id,
                FieldDefinition(
                    "\(p).id", .integer, aliases: ["trans_id"], eve: "id",
                    "identifier that pairs query and response")
            ),
            (
                .type,
                FieldDefinition(
                    "\(p).type", .text, eve: "type",
                    "what was seen so far: query, or answer once there is a response")
            ),
            (
                .opcode,
                FieldDefinition(
                    "\(p).opcode", .integer, aliases: ["opcode"], eve: "opcode",
                    "operation: 0 query, 4 notify, 5 update")
            ),
            (
                .requestOpcode,
                FieldDefinition(
                    "\(p).request.opcode", .integer, .toServer, "operation that the query names")
            ),
            (
                .responseOpcode,
                FieldDefinition(
                    "\(p).response.opcode", .integer, .toClient, "operation that the answer names")
            ),
            (
                .opcodeName,
                FieldDefinition(
                    "\(p).opcode.name", .text, aliases: ["opcode_name"],
                    "operation by name: QUERY, NOTIFY, UPDATE")
            ),
            (
                .rcode,
                FieldDefinition(
                    "\(p).rcode", .integer, .toClient, aliases: ["rcode"],
                    "response code, with the upper bits of EDNS")
            ),
            (
                .rcodeName,
                FieldDefinition(
                    "\(p).rcode.name", .text, .toClient,
                    aliases: ["rcode_name", "response_code", "\(p).response_code"], eve: "rcode",
                    "response code by name: NOERROR, NXDOMAIN, SERVFAIL")
            ),
            (
                .rejected,
                FieldDefinition(
                    "\(p).rejected", .bool, .toClient, aliases: ["rejected"],
                    "whether the response has no records at all")
            ),
        ]
    }

    private static func flagRows(_ p: String) -> [Row] {
        [
            (
                .flags,
                FieldDefinition(
                    "\(p).flags", .text, eve: "flags",
                    "flags word of the last message in hexadecimal: 8180")
            ),
            (
                .qr,
                FieldDefinition(
                    "\(p).flags.qr", .bool, aliases: ["QR"], eve: "qr",
                    "whether the last message is a response")
            ),
            (
                .aa,
                FieldDefinition(
                    "\(p).flags.aa", .bool, .toClient, aliases: ["AA"], eve: "aa",
                    "the server is an authority for the name")
            ),
            (
                .tc,
                FieldDefinition(
                    "\(p).flags.tc", .bool, .toClient, aliases: ["TC"], eve: "tc",
                    "the response was cut to fit a datagram")
            ),
            (
                .rd,
                FieldDefinition(
                    "\(p).flags.rd", .bool, aliases: ["RD"], eve: "rd", "recursion is wished for")
            ),
            (
                .ra,
                FieldDefinition(
                    "\(p).flags.ra", .bool, .toClient, aliases: ["RA"], eve: "ra",
                    "the server offers recursion")
            ),
            (
                .z,
                FieldDefinition(
                    "\(p).flags.z", .integer, aliases: ["Z"],
                    "the three bits that RFC 1035 reserved, of the last message")
            ),
            (
                .ad,
                FieldDefinition(
                    "\(p).flags.ad", .bool, "data are authentic (RFC 4035 §3.2.3)")
            ),
            (
                .cd,
                FieldDefinition(
                    "\(p).flags.cd", .bool, "checking is disabled (RFC 4035 §3.2.2)")
            ),
        ]
    }

    private static func recordRows(_ p: String) -> [Row] {
        [
            (
                .answerName,
                FieldDefinition(
                    "\(p).answers.rrname", .text, list: true, aliases: ["\(p).answer.name"],
                    eve: "answers[].rrname", "names of the answer records, as written")
            ),
            (
                .answerType,
                FieldDefinition(
                    "\(p).answers.rrtype", .text, list: true, aliases: ["\(p).answers.type"],
                    eve: "answers[].rrtype", "types of the answer records")
            ),
            (
                .answerTTL,
                FieldDefinition(
                    "\(p).answers.ttl", .integer, list: true, aliases: ["TTLs", "\(p).ttls"],
                    eve: "answers[].ttl", "lifetimes of the answer records in seconds")
            ),
            (
                .answerData,
                FieldDefinition(
                    "\(p).answer.rdata", .text, list: true,
                    aliases: [
                        "\(p).answer", "\(p).answers", "\(p).answers.rdata", "\(p).answers.data",
                        "answers",
                        "answer", "QueryResults",
                    ], eve: "answers[].rdata",
                    "data of the answer records as text, names in lower case")
            ),
            (
                .answerTypeNumber,
                FieldDefinition(
                    "\(p).answers.rrtype.number", .integer, list: true,
                    aliases: ["\(p).response.rrtype.number"],
                    "types of the answer records, as numbers")
            ),
            (
                .answerCount,
                FieldDefinition(
                    "\(p).answers.count", .integer, .toClient, aliases: ["total_answers"],
                    "answer records that the response announces")
            ),
            (
                .queryNames,
                FieldDefinition(
                    "\(p).queries.rrname", .text, list: true,
                    "names asked for, as written, in queries and responses")
            ),
            (
                .authorityNames,
                FieldDefinition(
                    "\(p).authorities.rrname", .text, list: true,
                    "names of the authority records, as written")
            ),
            (
                .additionalNames,
                FieldDefinition(
                    "\(p).additionals.rrname", .text, list: true,
                    "names of the additional records, as written")
            ),
            (
                .responseNames,
                FieldDefinition(
                    "\(p).response.rrname", .text, list: true,
                    "all names in the response, those in record data too, as written")
            ),
        ]
    }

    private static func extensionRows(_ p: String) -> [Row] {
        [
            (
                .ednsVersion,
                FieldDefinition(
                    "\(p).edns.version", .integer, "version of the extensions (RFC 6891)")
            ),
            (
                .ednsPayloadSize,
                FieldDefinition(
                    "\(p).edns.payload_size", .integer,
                    "largest datagram that the sender of the last message takes")
            ),
            (
                .ednsDNSSECOK,
                FieldDefinition(
                    "\(p).edns.do", .bool, "DNSSEC records are wished for (RFC 3225)")
            ),
            (
                .ednsClientSubnet,
                FieldDefinition(
                    "\(p).edns.client_subnet", .text,
                    "network on whose behalf is asked (RFC 7871): 192.0.2.0/24")
            ),
        ]
    }
}
