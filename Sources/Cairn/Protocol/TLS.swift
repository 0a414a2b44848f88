/// Transport Layer Security over TCP: TLS 1.0 to 1.3 (RFC 8446, RFC 5246) and SSL 3.0; of SSL 2.0
/// the opening messages.
///
/// A transaction is the clear part of one handshake. What is encrypted is not looked at.
enum TLS {
    static let definition = ProtocolDefinition(
        name: "tls", summary: "TLS and SSL handshakes (RFC 8446, RFC 5246)",
        aliases: ["ssl", "x509"],
        fields: [FieldDefinition](
            rows: clientRows + serverRows + certificateRows + clientCertificateRows
                + fingerprintRows),
        anomalies: Anomaly.allCases.map(\.name),
        overTCP: true, ports: [443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 8443],
        serverName: "tls.sni", chunkEnds: .steps, lastsToEnd: true,
        detect: { start, direction in TLSDetection.detect(start, direction) },
        makeParser: { TLSParser() })

    /// Indices of `anomalies`.
    enum Anomaly: Int, CaseIterable {
        /// The two bytes of an SSLv2 record, the five of a later one, their fields.
        case invalidSSLv2Header, invalidTLSHeader, invalidRecordVersion, invalidRecordType
        case invalidRecordLength
        /// A message that breaks its own lengths, or has no known type.
        case invalidHandshakeMessage
        /// A message longer than `TLSParser.messageByteCountMax`.
        case handshakeInvalidLength
        /// A heartbeat in clear; one of unknown kind; one that asks for more than it has
        /// (Heartbleed).
        case heartbeatMessage, invalidHeartbeatMessage, overflowHeartbeatMessage
        case multipleSNIExtensions, invalidSNIType, invalidSNILength
        /// An alert record that is not two bytes.
        case invalidAlertMessage
        /// A certificate that cannot be read, by the part that is wrong.
        case invalidCertificate, certificateInvalidLength, certificateInvalidDER
        case certificateInvalidVersion, certificateInvalidSerial
        case certificateInvalidAlgorithmIdentifier, certificateInvalidName
        case certificateInvalidDate, certificateInvalidExtensions
        /// An error message of SSLv2.
        case errorMessageEncountered
        // Suricata's rules name these; nothing here gives rise to them.
        case invalidSSLRecord, dataleakHeartbeatMismatch, tooManyRecordsInPacket
        case certificateMissingElement, certificateUnknownElement, certificateInvalidString
        case certificateInvalidIssuer, certificateInvalidSubject, certificateInvalidValidity
    }
}

extension TLS.Anomaly {
    var name: String {
        switch self {
        case .invalidSSLv2Header: "invalid_sslv2_header"
        case .invalidTLSHeader: "invalid_tls_header"
        case .invalidRecordVersion: "invalid_record_version"
        case .invalidRecordType: "invalid_record_type"
        case .invalidRecordLength: "invalid_record_length"
        case .invalidHandshakeMessage: "invalid_handshake_message"
        case .handshakeInvalidLength: "handshake_invalid_length"
        case .heartbeatMessage: "heartbeat_message"
        case .invalidHeartbeatMessage: "invalid_heartbeat_message"
        case .overflowHeartbeatMessage: "overflow_heartbeat_message"
        case .multipleSNIExtensions: "multiple_sni_extensions"
        case .invalidSNIType: "invalid_sni_type"
        case .invalidSNILength: "invalid_sni_length"
        case .invalidAlertMessage: "invalid_alert_message"
        case .invalidCertificate: "invalid_certificate"
        case .certificateInvalidLength: "certificate_invalid_length"
        case .certificateInvalidDER: "certificate_invalid_der"
        case .certificateInvalidVersion: "certificate_invalid_version"
        case .certificateInvalidSerial: "certificate_invalid_serial"
        case .certificateInvalidAlgorithmIdentifier: "certificate_invalid_algorithmidentifier"
        case .certificateInvalidName: "certificate_invalid_x509name"
        case .certificateInvalidDate: "certificate_invalid_date"
        case .certificateInvalidExtensions: "certificate_invalid_extensions"
        case .errorMessageEncountered: "error_message_encountered"
        case .invalidSSLRecord: "invalid_ssl_record"
        case .dataleakHeartbeatMismatch: "dataleak_heartbeat_mismatch"
        case .tooManyRecordsInPacket: "too_many_records_in_packet"
        case .certificateMissingElement: "certificate_missing_element"
        case .certificateUnknownElement: "certificate_unknown_element"
        case .certificateInvalidString: "certificate_invalid_string"
        case .certificateInvalidIssuer: "certificate_invalid_issuer"
        case .certificateInvalidSubject: "certificate_invalid_subject"
        case .certificateInvalidValidity: "certificate_invalid_validity"
        }
    }

    init(_ error: X509Error) {
        switch error {
        case .length: self = .certificateInvalidLength
        case .der: self = .certificateInvalidDER
        case .certificate: self = .invalidCertificate
        case .version: self = .certificateInvalidVersion
        case .serial: self = .certificateInvalidSerial
        case .algorithmIdentifier: self = .certificateInvalidAlgorithmIdentifier
        case .name: self = .certificateInvalidName
        case .date: self = .certificateInvalidDate
        case .extensions: self = .certificateInvalidExtensions
        }
    }
}

/// Indices into the field table of TLS.
enum TLSField: Int, CaseIterable {
    case sni, clientVersion, clientVersionNumber, ciphers, alpn, random, randomTime, randomBytes
    case state, clientState, serverState
    case version, versionNumber, zeekVersion, cipher, cipherNumber, serverALPN, serverRandom
    case serverRandomTime, serverRandomBytes
    case isResumed, isEstablished, alert
    case subject, issuer, serial, serialPlain, fingerprint, notBefore, notBeforeSeconds, notAfter
    case notAfterSeconds, alternativeNames, certificates, chainLength, isSelfSigned
    case clientSubject, clientIssuer, clientSerial, clientFingerprint, clientCertificates
    case ja3Hash, ja3String, ja3sHash, ja3sString, ja4Hash
}

extension TLS {
    private typealias Row = (TLSField, FieldDefinition)

    private static let clientRows: [Row] = [
        (
            .sni,
            FieldDefinition(
                "tls.sni", .text, .toServer, available: .headers,
                aliases: ["tls_sni", "server_name", "tls.client.server_name"], eve: "sni",
                "server name that the client asks for")
        ),
        (
            .clientVersion,
            FieldDefinition(
                "tls.client.version", .text, .toServer, available: .headers,
                "version in the ClientHello: TLS 1.2, TLSv1, SSLv3")
        ),
        (
            .clientVersionNumber,
            FieldDefinition(
                "tls.client.version.number", .integer, .toServer, available: .headers,
                "version in the ClientHello, as a number: 771 for TLS 1.2")
        ),
        (
            .ciphers,
            FieldDefinition(
                "tls.ciphers", .integer, list: true, .toServer, available: .headers,
                "cipher suites that the client offers, as numbers")
        ),
        (
            .alpn,
            FieldDefinition(
                "tls.alpn", .text, list: true, .toServer, available: .headers,
                aliases: ["client_alpns"], eve: "client_alpns",
                "application protocols that the client offers")
        ),
        (
            .random,
            FieldDefinition(
                "tls.random", .bytes, .toServer, available: .headers,
                "random bytes of the ClientHello")
        ),
        (
            .randomTime,
            FieldDefinition(
                "tls.random_time", .bytes, .toServer, available: .headers,
                "the first four of the random bytes of the ClientHello")
        ),
        (
            .randomBytes,
            FieldDefinition(
                "tls.random_bytes", .bytes, .toServer, available: .headers,
                "the other random bytes of the ClientHello")
        ),
        (
            .state,
            FieldDefinition(
                "tls.state", .text, list: true, aliases: ["ssl_state"],
                "messages seen: client_hello, server_hello, client_keyx, server_keyx")
        ),
        (
            .clientState,
            FieldDefinition(
                "tls.client.state", .text, list: true, .toServer,
                "last messages when packets of the client came: server_hello, server_keyx, none")
        ),
        (
            .serverState,
            FieldDefinition(
                "tls.server.state", .text, list: true, .toClient,
                "last messages when packets of the server came: client_hello, client_keyx, none")
        ),
    ]

    private static let serverRows: [Row] = [
        (
            .version,
            FieldDefinition(
                "tls.version", .text, .toClient, available: .headers,
                aliases: ["tls.version.text"], eve: "version",
                "version that the server chose: TLS 1.3, TLS 1.2, TLSv1, SSLv3")
        ),
        (
            .versionNumber,
            FieldDefinition(
                "tls.version.number", .integer, .toClient, available: .headers,
                "version that the server chose, as a number: 771 for TLS 1.2")
        ),
        (
            .zeekVersion,
            FieldDefinition(
                "tls.version.name", .text, .toClient, available: .headers, aliases: ["version"],
                "version that the server chose in Zeek's words: TLSv12")
        ),
        (
            .cipher,
            FieldDefinition(
                "tls.cipher", .text, .toClient, available: .headers, aliases: ["cipher"],
                "cipher suite that the server chose, by its IANA name")
        ),
        (
            .cipherNumber,
            FieldDefinition(
                "tls.cipher.number", .integer, .toClient, available: .headers,
                "cipher suite that the server chose, as a number")
        ),
        (
            .serverALPN,
            FieldDefinition(
                "tls.server.alpn", .text, .toClient, available: .headers,
                aliases: ["next_protocol"], eve: "server_alpn",
                "application protocol that the server chose, if it said so in clear")
        ),
        (
            .serverRandom,
            FieldDefinition(
                "tls.server.random", .bytes, .toClient, available: .headers,
                "random bytes of the ServerHello")
        ),
        (
            .serverRandomTime,
            FieldDefinition(
                "tls.server.random_time", .bytes, .toClient, available: .headers,
                "the first four of the random bytes of the ServerHello")
        ),
        (
            .serverRandomBytes,
            FieldDefinition(
                "tls.server.random_bytes", .bytes, .toClient, available: .headers,
                "the other random bytes of the ServerHello")
        ),
        (
            .isResumed,
            FieldDefinition(
                "tls.session_resumed", .bool, .toClient, aliases: ["resumed"],
                eve: "session_resumed", "the session goes on with the keys of an earlier one")
        ),
        (
            .isEstablished,
            FieldDefinition(
                "tls.established", .bool, aliases: ["established"],
                "both ends have begun to encrypt")
        ),
        (
            .alert,
            FieldDefinition(
                "tls.alert", .text, list: true, aliases: ["last_alert"],
                "alerts in clear: handshake_failure, unknown_ca")
        ),
    ]

    private static let certificateRows: [Row] = [
        (
            .subject,
            FieldDefinition(
                "tls.cert_subject", .text, .toClient, available: .body,
                aliases: [
                    "tls_cert_subject", "tls.subject", "subject", "certificate.subject",
                    "tls.server.subject",
                ], eve: "subject", "subject of the server's certificate: C=US, O=Example, CN=www")
        ),
        (
            .issuer,
            FieldDefinition(
                "tls.cert_issuer", .text, .toClient, available: .body,
                aliases: [
                    "tls_cert_issuer", "tls.issuerdn", "issuer", "certificate.issuer",
                    "tls.server.issuer",
                ], eve: "issuerdn", "issuer of the server's certificate")
        ),
        (
            .serial,
            FieldDefinition(
                "tls.cert_serial", .text, .toClient, available: .body,
                aliases: ["tls_cert_serial"], eve: "serial",
                "serial number of the server's certificate: 00:A1:B2")
        ),
        (
            .serialPlain,
            FieldDefinition(
                "tls.cert_serial.hex", .text, list: true, .toClient, available: .body,
                aliases: ["certificate.serial"],
                "the serial number without colons; once more without its leading zero, if any")
        ),
        (
            .fingerprint,
            FieldDefinition(
                "tls.cert_fingerprint", .text, .toClient, available: .body,
                aliases: ["tls_cert_fingerprint", "tls.fingerprint"], eve: "fingerprint",
                "SHA-1 of the server's certificate: 4a:a3:66")
        ),
        (
            .notBefore,
            FieldDefinition(
                "tls.cert_notbefore", .text, .toClient, available: .body, eve: "notbefore",
                "begin of the server certificate's validity: 2026-11-23T17:20:00")
        ),
        (
            .notBeforeSeconds,
            FieldDefinition(
                "tls.cert_notbefore.seconds", .integer, .toClient, available: .body,
                aliases: ["tls_cert_notbefore", "certificate.not_valid_before"],
                "begin of the server certificate's validity in seconds since 1970 UTC")
        ),
        (
            .notAfter,
            FieldDefinition(
                "tls.cert_notafter", .text, .toClient, available: .body, eve: "notafter",
                "end of the server certificate's validity: 2027-11-23T17:20:00")
        ),
        (
            .notAfterSeconds,
            FieldDefinition(
                "tls.cert_notafter.seconds", .integer, .toClient, available: .body,
                aliases: ["tls_cert_notafter", "certificate.not_valid_after"],
                "end of the server certificate's validity in seconds since 1970 UTC")
        ),
        (
            .alternativeNames,
            FieldDefinition(
                "tls.subject_alt_names", .text, list: true, .toClient, available: .body,
                aliases: ["tls.subjectaltname", "san.dns"], eve: "subjectaltname",
                "other names of the server's certificate: host names, addresses, mail addresses")
        ),
        (
            .certificates,
            FieldDefinition(
                "tls.certs", .bytes, list: true, .toClient, available: .body,
                "certificates that the server sent, DER")
        ),
        (
            .chainLength,
            FieldDefinition(
                "tls.cert_chain_len", .integer, .toClient, available: .body,
                "number of certificates that the server sent")
        ),
        (
            .isSelfSigned,
            FieldDefinition(
                "tls.cert_self_signed", .bool, .toClient, available: .body,
                "subject and issuer of the server's certificate are the same")
        ),
    ]

    private static let clientCertificateRows: [Row] = [
        (
            .clientSubject,
            FieldDefinition(
                "tls.client.cert_subject", .text, .toServer, available: .body,
                aliases: ["client_subject"], eve: "client.subject",
                "subject of the client's certificate")
        ),
        (
            .clientIssuer,
            FieldDefinition(
                "tls.client.cert_issuer", .text, .toServer, available: .body,
                aliases: ["client_issuer"], eve: "client.issuerdn",
                "issuer of the client's certificate")
        ),
        (
            .clientSerial,
            FieldDefinition(
                "tls.client.cert_serial", .text, .toServer, available: .body, eve: "client.serial",
                "serial number of the client's certificate")
        ),
        (
            .clientFingerprint,
            FieldDefinition(
                "tls.client.cert_fingerprint", .text, .toServer, available: .body,
                eve: "client.fingerprint", "SHA-1 of the client's certificate")
        ),
        (
            .clientCertificates,
            FieldDefinition(
                "tls.client.certs", .bytes, list: true, .toServer, available: .body,
                "certificates that the client sent, DER")
        ),
    ]

    private static let fingerprintRows: [Row] = [
        (
            .ja3Hash,
            FieldDefinition(
                "ja3.hash", .text, .toServer, available: .headers, aliases: ["ja3_hash", "ja3"],
                eve: "ja3.hash", "JA3: MD5 of what the client offers")
        ),
        (
            .ja3String,
            FieldDefinition(
                "ja3.string", .text, .toServer, available: .headers, aliases: ["ja3.csv"],
                eve: "ja3.string", "what the JA3 hash is made of")
        ),
        (
            .ja3sHash,
            FieldDefinition(
                "ja3s.hash", .text, .toClient, available: .headers, aliases: ["ja3s_hash", "ja3s"],
                eve: "ja3s.hash", "JA3S: MD5 of what the server chose")
        ),
        (
            .ja3sString,
            FieldDefinition(
                "ja3s.string", .text, .toClient, available: .headers, eve: "ja3s.string",
                "what the JA3S hash is made of")
        ),
        (
            .ja4Hash,
            FieldDefinition(
                "ja4.hash", .text, .toServer, available: .headers, aliases: ["ja4"], eve: "ja4",
                "JA4 fingerprint of the client")
        ),
    ]
}
