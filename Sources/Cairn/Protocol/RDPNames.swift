/// The numbers of RDP and their names.
enum RDPNames {
    /// Security protocols, from the lowest bit ([MS-RDPBCGR] §2.2.1.1.1); no bit is `rdp`.
    static let securityProtocols: [StaticString] = [
        "ssl", "hybrid", "rds_tls", "hybrid_ex", "rds_aad",
    ]

    /// Flags of a negotiation request and response, from the lowest bit ([MS-RDPBCGR] §2.2.1.1.1,
    /// §2.2.1.2.1); bits without a name are empty.
    static let requestFlags: [StaticString] = [
        "restricted_admin_mode_required", "redirected_authentication_mode_required", "",
        "correlation_info_present",
    ]
    static let responseFlags: [StaticString] = [
        "extended_client_data", "dynvc_gfx", "", "restricted_admin", "redirected_authentication",
    ]

    /// The security protocol that was chosen; nil for none that is known.
    static func securityProtocol(_ number: UInt32) -> StaticString? {
        switch number {
        case 0: "rdp"
        case 1: "ssl"
        case 2: "hybrid"
        case 4: "rds_tls"
        case 8: "hybrid_ex"
        case 16: "rds_aad"
        default: nil
        }
    }

    /// The same in Zeek's words.
    static func zeekSecurityProtocol(_ number: UInt32) -> StaticString? {
        switch number {
        case 0: "RDP"
        case 1: "SSL"
        case 2: "HYBRID"
        case 8: "HYBRID_EX"
        default: nil
        }
    }

    /// Why a server refuses ([MS-RDPBCGR] §2.2.1.2.2).
    static func failure(_ code: UInt32) -> StaticString? {
        switch code {
        case 1: "ssl required by server"
        case 2: "ssl not allowed by server"
        case 3: "ssl cert not on server"
        case 4: "inconsistent flags"
        case 5: "hybrid required by server"
        case 6: "ssl with user auth required by server"
        default: nil
        }
    }

    /// The same under the specification's names, which are Zeek's.
    static func zeekFailure(_ code: UInt32) -> StaticString? {
        switch code {
        case 1: "SSL_REQUIRED_BY_SERVER"
        case 2: "SSL_NOT_ALLOWED_BY_SERVER"
        case 3: "SSL_CERT_NOT_ON_SERVER"
        case 4: "INCONSISTENT_FLAGS"
        case 5: "HYBRID_REQUIRED_BY_SERVER"
        case 6: "SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER"
        default: nil
        }
    }

    /// Results of a conference (ITU-T T.124 §8.7), in Zeek's words.
    static func conferenceResult(_ number: UInt8) -> StaticString? {
        switch number {
        case 0: "Success"
        case 1: "User rejected"
        case 2: "Resources not available"
        case 3: "Rejected for symmetry breaking"
        case 4: "Locked conference"
        default: nil
        }
    }

    /// Versions of the protocol ([MS-RDPBCGR] §2.2.1.3.2).
    static func version(_ number: UInt32) -> StaticString {
        switch number {
        case 0x0008_0001: "v4"
        case 0x0008_0004: "v5"
        case 0x0008_0005: "v10.0"
        case 0x0008_0006: "v10.1"
        case 0x0008_0007: "v10.2"
        case 0x0008_0008: "v10.3"
        case 0x0008_0009: "v10.4"
        case 0x0008_000a: "v10.5"
        case 0x0008_000b: "v10.6"
        case 0x0008_000c: "v10.7"
        default: "unknown"
        }
    }

    /// Systems by their build number.
    static func build(_ number: UInt32) -> StaticString? {
        switch number {
        case 2195: "Windows 2000"
        case 2600: "Windows XP"
        case 3790: "Windows Server 2003"
        case 6000: "Windows Vista"
        case 6001: "Windows Vista SP1"
        case 6002: "Windows Vista SP2"
        case 7600: "Windows 7"
        case 7601: "Windows 7 SP1"
        case 9200: "Windows 8"
        case 9600: "Windows 8.1"
        case 10240: "Windows 10"
        case 10586: "Windows 10 1511"
        case 14393: "Windows 10 1607"
        case 15063: "Windows 10 1703"
        case 16299: "Windows 10 1709"
        case 17134: "Windows 10 1803"
        case 17763: "Windows 10 1809"
        case 18362: "Windows 10 1903"
        case 18363: "Windows 10 1909"
        case 19041: "Windows 10 2004"
        case 19042: "Windows 10 20H2"
        case 19043: "Windows 10 21H1"
        case 19044: "Windows 10 21H2"
        case 19045: "Windows 10 22H2"
        case 22000: "Windows 11 21H2"
        case 22621: "Windows 11 22H2"
        case 22631: "Windows 11 23H2"
        case 26100: "Windows 11 24H2"
        default: nil
        }
    }

    /// Clients by their build number, in Zeek's words.
    static func zeekBuild(_ number: UInt32) -> StaticString? {
        switch number {
        case 419: "RDP 4.0"
        case 2195, 2221: "RDP 5.0"
        case 2600: "RDP 5.1"
        case 3790: "RDP 5.2"
        case 6000: "RDP 6.0"
        case 6001: "RDP 6.1"
        case 6002: "RDP 6.2"
        case 7600: "RDP 7.0"
        case 7601: "RDP 7.1"
        case 9200: "RDP 8.0"
        case 9600: "RDP 8.1"
        case 25189, 25282: "RDP 8.0 (Mac)"
        default: nil
        }
    }

    /// Kinds of keyboards ([MS-RDPBCGR] §2.2.1.3.2).
    static func keyboardType(_ number: UInt32) -> StaticString? {
        switch number {
        case 1: "xt"
        case 2: "ico"
        case 3: "at"
        case 4: "enhanced"
        case 5: "1050"
        case 6: "9140"
        case 7: "jp"
        default: nil
        }
    }

    /// Keys of the protocol's own encryption ([MS-RDPBCGR] §2.2.1.4.3).
    static func encryptionMethod(_ number: UInt32) -> StaticString? {
        switch number {
        case 0: "None"
        case 1: "40bit"
        case 2: "128bit"
        case 8: "56bit"
        case 16: "FIPS"
        default: nil
        }
    }

    /// Extents of the protocol's own encryption ([MS-RDPBCGR] §2.2.1.4.3).
    static func encryptionLevel(_ number: UInt32) -> StaticString? {
        switch number {
        case 0: "None"
        case 1: "Low"
        case 2: "Client compatible"
        case 3: "High"
        case 4: "FIPS"
        default: nil
        }
    }

    /// Languages of keyboard layouts ([MS-LCID] §2.2); the upper half of a layout's number only
    /// tells variants of one language apart.
    static func language(_ layout: UInt32) -> StaticString? {
        let language = UInt16(truncatingIfNeeded: layout)
        return language < 0x0800 ? language1(language) : language2(language)
    }

    private static func language1(_ number: UInt16) -> StaticString? {
        switch number {
        case 0x0401: "ar-SA"
        case 0x0402: "bg-BG"
        case 0x0403: "ca-ES"
        case 0x0404: "zh-TW"
        case 0x0405: "cs-CZ"
        case 0x0406: "da-DK"
        case 0x0407: "de-DE"
        case 0x0408: "el-GR"
        case 0x0409: "en-US"
        case 0x040a: "es-ES"
        case 0x040b: "fi-FI"
        case 0x040c: "fr-FR"
        case 0x040d: "he-IL"
        case 0x040e: "hu-HU"
        case 0x040f: "is-IS"
        case 0x0410: "it-IT"
        case 0x0411: "ja-JP"
        case 0x0412: "ko-KR"
        case 0x0413: "nl-NL"
        case 0x0414: "nb-NO"
        case 0x0415: "pl-PL"
        case 0x0416: "pt-BR"
        case 0x0417: "rm-CH"
        case 0x0418: "ro-RO"
        case 0x0419: "ru-RU"
        case 0x041a: "hr-HR"
        case 0x041b: "sk-SK"
        case 0x041c: "sq-AL"
        case 0x041d: "sv-SE"
        case 0x041e: "th-TH"
        case 0x041f: "tr-TR"
        case 0x0420: "ur-PK"
        case 0x0421: "id-ID"
        case 0x0422: "uk-UA"
        case 0x0423: "be-BY"
        case 0x0424: "sl-SI"
        case 0x0425: "et-EE"
        case 0x0426: "lv-LV"
        case 0x0427: "lt-LT"
        case 0x0428: "tg-TJ"
        case 0x0429: "fa-IR"
        case 0x042a: "vi-VN"
        case 0x042b: "hy-AM"
        case 0x042c: "az-AZ"
        case 0x042d: "eu-ES"
        case 0x042f: "mk-MK"
        case 0x0436: "af-ZA"
        case 0x0437: "ka-GE"
        case 0x0439: "hi-IN"
        case 0x043a: "mt-MT"
        case 0x043e: "ms-MY"
        case 0x043f: "kk-KZ"
        case 0x0440: "ky-KG"
        case 0x0442: "tk-TM"
        case 0x0443: "uz-UZ"
        case 0x0444: "tt-RU"
        case 0x0445: "bn-IN"
        case 0x0450: "mn-MN"
        default: nil
        }
    }

    private static func language2(_ number: UInt16) -> StaticString? {
        switch number {
        case 0x0804: "zh-CN"
        case 0x0807: "de-CH"
        case 0x0809: "en-GB"
        case 0x080a: "es-MX"
        case 0x080c: "fr-BE"
        case 0x0810: "it-CH"
        case 0x0813: "nl-BE"
        case 0x0814: "nn-NO"
        case 0x0816: "pt-PT"
        case 0x081a, 0x241a: "sr-RS"
        case 0x081d: "sv-FI"
        case 0x083c: "ga-IE"
        case 0x0843: "uz-UZ"
        case 0x0c04: "zh-HK"
        case 0x0c07: "de-AT"
        case 0x0c09: "en-AU"
        case 0x0c0a: "es-ES"
        case 0x0c0c: "fr-CA"
        case 0x0c1a: "sr-RS"
        case 0x1004: "zh-SG"
        case 0x1009: "en-CA"
        case 0x100c: "fr-CH"
        case 0x1409: "en-NZ"
        case 0x1809: "en-IE"
        case 0x1c09: "en-ZA"
        case 0x2409: "en-029"
        case 0x2c0a: "es-AR"
        case 0x4009: "en-IN"
        case 0x540a: "es-US"
        default: nil
        }
    }
}
