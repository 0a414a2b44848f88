/// The numbers of TLS and their names.
enum TLSNumbers {
    /// Suricata's names of versions, drafts of TLS 1.3 included; nil for others.
    static func versionName(_ version: UInt16) -> StaticString? {
        switch version {
        case 0x0002: "SSLv2"
        case 0x0300: "SSLv3"
        case 0x0301: "TLSv1"
        case 0x0302: "TLS 1.1"
        case 0x0303: "TLS 1.2"
        case 0x0304, 0x7f00...0x7fff: "TLS 1.3"
        default: nil
        }
    }

    /// Zeek's names of versions.
    static func zeekVersionName(_ version: UInt16) -> StaticString? {
        switch version {
        case 0x0002: "SSLv2"
        case 0x0300: "SSLv3"
        case 0x0301: "TLSv10"
        case 0x0302: "TLSv11"
        case 0x0303: "TLSv12"
        case 0x0304, 0x7f00...0x7fff: "TLSv13"
        default: nil
        }
    }

    /// TLS 1.3 or a draft of it: everything behind the ServerHello is encrypted.
    static func isVersion13(_ version: UInt16) -> Bool { version == 0x0304 || version >> 8 == 0x7f }

    /// SSL 3.0, TLS 1.0 to 1.3, and drafts of 1.3 as they were deployed.
    static func isVersion(_ version: UInt16) -> Bool {
        (0x0300...0x0304).contains(version) || version >> 8 == 0x7f || version >> 8 == 0xfb
    }

    /// Values that clients invent to keep servers tolerant (RFC 8701): 0x0a0a, 0x1a1a … 0xfafa.
    @inline(__always) static func isGrease(_ value: UInt16) -> Bool {
        value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
    }

    /// Descriptions of alerts (RFC 8446 §6, older ones from RFC 5246 §7.2); nil for others.
    static func alertName(_ description: UInt8) -> StaticString? {
        switch description {
        case 0: "close_notify"
        case 10: "unexpected_message"
        case 20: "bad_record_mac"
        case 21: "decryption_failed"
        case 22: "record_overflow"
        case 30: "decompression_failure"
        case 40: "handshake_failure"
        case 41: "no_certificate"
        case 42: "bad_certificate"
        case 43: "unsupported_certificate"
        case 44: "certificate_revoked"
        case 45: "certificate_expired"
        case 46: "certificate_unknown"
        case 47: "illegal_parameter"
        case 48: "unknown_ca"
        case 49: "access_denied"
        case 50: "decode_error"
        case 51: "decrypt_error"
        case 60: "export_restriction"
        case 70: "protocol_version"
        case 71: "insufficient_security"
        case 80: "internal_error"
        case 86: "inappropriate_fallback"
        case 90: "user_canceled"
        case 100: "no_renegotiation"
        case 109: "missing_extension"
        case 110: "unsupported_extension"
        case 111: "certificate_unobtainable"
        case 112: "unrecognized_name"
        case 113: "bad_certificate_status_response"
        case 114: "bad_certificate_hash_value"
        case 115: "unknown_psk_identity"
        case 116: "certificate_required"
        case 120: "no_application_protocol"
        default: nil
        }
    }
}
