/// SIP over UDP (RFC 3261): calls and who registers for them.
///
/// A transaction is one message, as in Suricata: requests and responses are told apart by their first lines, and may go
/// either way.
enum SIP {
    static let definition = ProtocolDefinition(
        name: "sip", summary: "Session Initiation Protocol over UDP (RFC 3261)",
        fields: [FieldDefinition](rows: rows), anomalies: Anomaly.allCases.map(\.name),
        overUDP: true, ports: [5060, 5061], portUse: .lastResort,
        detect: { start, direction in RecognitionProbes.sip(start, direction) ? .yes : .no },
        makeParser: { SIPParser() })

    /// Indices of `anomalies`.
    enum Anomaly: Int, CaseIterable {
        /// A message whose head has no end, and a datagram that is no message.
        case incompleteData, invalidData

        var name: String { self == .incompleteData ? "incomplete_data" : "invalid_data" }
    }
}

/// Indices into the field table of SIP. Of what all messages have a list comes first, then what the client sent, then what
/// the server sent.
enum SIPField: Int, CaseIterable {
    case method, uri, requestLine, statusCode, statusMessage, responseLine
    case version, requestVersion, responseVersion
    case from, requestFrom, responseFrom
    case to, requestTo, responseTo
    case via, requestVia, responseVia
    case userAgent, requestUserAgent, responseUserAgent
    case contentType, requestContentType, responseContentType
    case contentLength, requestContentLength, responseContentLength

    /// One direction's field beside the list of all.
    func of(_ direction: Direction) -> SIPField {
        SIPField(rawValue: rawValue &+ (direction == .toServer ? 1 : 2)) ?? self
    }

    /// The field of a header by its name, or by its short form (RFC 3261 §7.3.3, §20).
    init?(header name: RawSpan) {
        let names: [(StaticString, StaticString?, SIPField)] = [
            ("from", "f", .from), ("to", "t", .to), ("via", "v", .via),
            ("user-agent", nil, .userAgent), ("content-type", "c", .contentType),
            ("content-length", "l", .contentLength),
        ]
        let found = names.first { long, short, _ in
            name.matches(long) || short.map { name.matches($0) } == true
        }
        guard let found else { return nil }
        self = found.2
    }
}

extension SIP {
    private typealias Row = (SIPField, FieldDefinition)

    private static let rows: [(SIPField, FieldDefinition)] =
        [
            (
                .method,
                FieldDefinition(
                    "sip.method", .bytes, .toServer, eve: "method", "INVITE, REGISTER, …")
            ),
            (
                .uri,
                FieldDefinition("sip.uri", .bytes, .toServer, eve: "uri", "whom a request is for")
            ),
            (
                .requestLine,
                FieldDefinition(
                    "sip.request_line", .bytes, .toServer, eve: "request_line",
                    "first line of a request")
            ),
            (
                .statusCode,
                FieldDefinition(
                    "sip.stat_code", .bytes, .toClient, aliases: ["status_code"], eve: "code",
                    "status code of a response")
            ),
            (
                .statusMessage,
                FieldDefinition(
                    "sip.stat_msg", .bytes, .toClient, aliases: ["status_msg"], eve: "reason",
                    "reason phrase of a response")
            ),
            (
                .responseLine,
                FieldDefinition(
                    "sip.response_line", .bytes, .toClient, eve: "response_line",
                    "first line of a response")
            ),
        ]
        + sides([.version, .requestVersion, .responseVersion], "protocol", "SIP/2.0", "version")
        + sides([.from, .requestFrom, .responseFrom], "from", "From headers")
        + sides([.to, .requestTo, .responseTo], "to", "To headers")
        + sides([.via, .requestVia, .responseVia], "via", "Via headers")
        + sides(
            [.userAgent, .requestUserAgent, .responseUserAgent], "user_agent", "User-Agent headers")
        + sides(
            [.contentType, .requestContentType, .responseContentType], "content_type",
            "Content-Type headers")
        + sides(
            [.contentLength, .requestContentLength, .responseContentLength], "content_length",
            "Content-Length headers")

    private static func sides(
        _ fields: [SIPField], _ name: String, _ meaning: String, _ eve: String? = nil
    ) -> [Row] {
        [
            (fields[0], FieldDefinition("sip.\(name)", .bytes, list: true, meaning)),
            (
                fields[1],
                FieldDefinition(
                    "sip.request.\(name)", .bytes, list: true, .toServer,
                    "\(meaning), in what the client sent")
            ),
            (
                fields[2],
                FieldDefinition(
                    "sip.response.\(name)", .bytes, list: true, .toClient,
                    "\(meaning), in what the server sent")
            ),
        ]
    }
}

/// Reads SIP's messages, one a datagram. Nothing is kept between them.
final class SIPParser: ProtocolParser {
    private var messageCount: UInt64 = 0

    override func reset() { messageCount = 0 }

    override func parseDatagram(
        _ bytes: RawSpan, _ direction: Direction, into output: ParserOutput
    ) {
        // What keeps a way through routers open says nothing (RFC 5626 §3.5.1).
        let start = bytes.endOfWhitespace(from: 0, to: bytes.byteCount)
        guard start < bytes.byteCount, bytes.byte(at: start) != 0 else { return }
        let lineEnd = bytes.index(of: ASCII.lineFeed, from: start) ?? bytes.byteCount
        let line = bytes.trimmedLine(start..<lineEnd)
        guard let first = SIPFirstLine(parsing: bytes, line) else {
            return output.anomaly(SIP.Anomaly.invalidData.rawValue, direction, in: nil)
        }
        let transaction = output.begin(SIP.definition, id: messageCount)
        messageCount &+= 1
        store(first, line, bytes, direction, transaction)
        let isWhole = storeHeaders(bytes, from: lineEnd &+ 1, direction, transaction, output)
        if !isWhole {
            output.anomaly(SIP.Anomaly.incompleteData.rawValue, direction, in: transaction)
        }
        output.advance(transaction, direction, to: .complete)
        output.giveUp(transaction, direction.reversed)
    }

    private func store(
        _ first: SIPFirstLine, _ line: Range<Int>, _ bytes: RawSpan, _ direction: Direction,
        _ transaction: Transaction
    ) {
        func add(_ range: Range<Int>, _ field: SIPField) {
            transaction.fields.append(bytes.extracting(range), to: field.rawValue)
        }
        if first.isRequest {
            add(first.method, .method)
            add(first.uri, .uri)
            add(line, .requestLine)
        } else {
            add(first.code, .statusCode)
            add(first.reason, .statusMessage)
            add(line, .responseLine)
        }
        add(first.version, .version)
        add(first.version, .version.of(direction))
    }

    /// Stores the headers that have fields, up to the empty line. Whether there is one.
    private func storeHeaders(
        _ bytes: RawSpan, from start: Int, _ direction: Direction, _ transaction: Transaction,
        _ output: ParserOutput
    ) -> Bool {
        var position = start
        var count = 0
        while position < bytes.byteCount, count < output.limits.headerCountMax {
            count &+= 1
            var end = bytes.index(of: ASCII.lineFeed, from: position) ?? bytes.byteCount
            if bytes.trimmedLine(position..<end).isEmpty { return true }
            // What begins with a blank goes on with the line before (RFC 3261 §7.3.1).
            while end &+ 1 < bytes.byteCount, bytes.byte(at: end &+ 1).isBlank {
                end = bytes.index(of: ASCII.lineFeed, from: end &+ 1) ?? bytes.byteCount
            }
            let line = bytes.trimmedLine(position..<end)
            position = end &+ 1
            guard
                let colon = bytes.index(
                    of: ASCII.colon, from: line.lowerBound, to: line.upperBound),
                let field = SIPField(
                    header: bytes.extracting(bytes.trimmed(line.lowerBound..<colon)))
            else { continue }
            let valueStart = bytes.endOfWhitespace(from: colon &+ 1, to: line.upperBound)
            let value = bytes.extracting(bytes.trimmed(valueStart..<line.upperBound))
            transaction.fields.append(value, to: field.rawValue)
            transaction.fields.append(value, to: field.of(direction).rawValue)
        }
        return false
    }
}

/// Where the words of a request or status line lie (RFC 3261 §7.1, §7.2).
struct SIPFirstLine: Equatable {
    var isRequest = true
    var method = 0..<0
    var uri = 0..<0
    var version = 0..<0
    var code = 0..<0
    var reason = 0..<0

    /// nil if it is neither.
    init?(parsing text: RawSpan, _ line: Range<Int>) {
        guard let space = text.index(of: ASCII.space, from: line.lowerBound, to: line.upperBound)
        else { return nil }
        let second = space &+ 1
        if text.hasPrefix("sip/", at: line.lowerBound) {
            isRequest = false
            version = line.lowerBound..<space
            let end = text.index(of: ASCII.space, from: second, to: line.upperBound)
            code = second..<(end ?? line.upperBound)
            reason = (end.map { $0 &+ 1 } ?? line.upperBound)..<line.upperBound
            guard code.count == 3, code.allSatisfy({ text.byte(at: $0).isDigit }) else {
                return nil
            }
            return
        }
        method = line.lowerBound..<space
        guard let end = text.index(of: ASCII.space, from: second, to: line.upperBound),
            text.hasPrefix("sip/", at: end &+ 1), !method.isEmpty,
            method.allSatisfy({ text.byte(at: $0).isToken })
        else { return nil }
        uri = second..<end
        version = end &+ 1..<line.upperBound
    }
}

extension RawSpan {
    /// A line without a carriage return at its end.
    fileprivate func trimmedLine(_ line: Range<Int>) -> Range<Int> {
        let end = line.upperBound
        guard !line.isEmpty, byte(at: end &- 1) == ASCII.carriageReturn else { return line }
        return line.lowerBound..<end &- 1
    }
}
