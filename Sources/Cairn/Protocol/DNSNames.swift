/// The numbers of the DNS and their names (IANA "Domain Name System Parameters"). Unknown numbers
/// get the names of RFC 3597 §5: `TYPE65280`, `CLASS32`.
enum DNSNumbers {
    /// The mnemonic of a record type (RFC 1035 §3.2.2 and the IANA registry), nil if it has none.
    static func typeName(_ type: UInt16) -> StaticString? {
        switch type {
        case 1: "A"
        case 2: "NS"
        case 3: "MD"
        case 4: "MF"
        case 5: "CNAME"
        case 6: "SOA"
        case 7: "MB"
        case 8: "MG"
        case 9: "MR"
        case 10: "NULL"
        case 11: "WKS"
        case 12: "PTR"
        case 13: "HINFO"
        case 14: "MINFO"
        case 15: "MX"
        case 16: "TXT"
        case 17: "RP"
        case 18: "AFSDB"
        case 19: "X25"
        case 20: "ISDN"
        case 21: "RT"
        case 22: "NSAP"
        case 23: "NSAP-PTR"
        case 24: "SIG"
        case 25: "KEY"
        case 26: "PX"
        case 27: "GPOS"
        case 28: "AAAA"
        case 29: "LOC"
        case 30: "NXT"
        case 31: "EID"
        case 32: "NB"
        case 33: "SRV"
        case 34: "ATMA"
        case 35: "NAPTR"
        case 36: "KX"
        case 37: "CERT"
        case 38: "A6"
        case 39: "DNAME"
        default: newerTypeName(type)
        }
    }

    private static func newerTypeName(_ type: UInt16) -> StaticString? {
        switch type {
        case 40: "SINK"
        case 41: "OPT"
        case 42: "APL"
        case 43: "DS"
        case 44: "SSHFP"
        case 45: "IPSECKEY"
        case 46: "RRSIG"
        case 47: "NSEC"
        case 48: "DNSKEY"
        case 49: "DHCID"
        case 50: "NSEC3"
        case 51: "NSEC3PARAM"
        case 52: "TLSA"
        case 53: "SMIMEA"
        case 55: "HIP"
        case 56: "NINFO"
        case 57: "RKEY"
        case 58: "TALINK"
        case 59: "CDS"
        case 60: "CDNSKEY"
        case 61: "OPENPGPKEY"
        case 62: "CSYNC"
        case 63: "ZONEMD"
        case 64: "SVCB"
        case 65: "HTTPS"
        case 99: "SPF"
        case 100: "UINFO"
        case 101: "UID"
        case 102: "GID"
        case 103: "UNSPEC"
        case 104: "NID"
        case 105: "L32"
        case 106: "L64"
        case 107: "LP"
        case 108: "EUI48"
        case 109: "EUI64"
        case 249: "TKEY"
        case 250: "TSIG"
        case 251: "IXFR"
        case 252: "AXFR"
        case 253: "MAILB"
        case 254: "MAILA"
        case 255: "ANY"
        case 256: "URI"
        case 257: "CAA"
        case 258: "AVC"
        case 259: "DOA"
        case 260: "AMTRELAY"
        case 32768: "TA"
        case 32769: "DLV"
        default: nil
        }
    }

    /// The mnemonic of a class (RFC 1035 §3.2.4), nil if it has none.
    static func className(_ value: UInt16) -> StaticString? {
        switch value {
        case 1: "IN"
        case 2: "CS"
        case 3: "CH"
        case 4: "HS"
        case 254: "NONE"
        case 255: "ANY"
        default: nil
        }
    }

    /// The name of a response code (RFC 6895 §2.3), nil if it has none.
    static func responseCodeName(_ code: UInt16) -> StaticString? {
        switch code {
        case 0: "NOERROR"
        case 1: "FORMERR"
        case 2: "SERVFAIL"
        case 3: "NXDOMAIN"
        case 4: "NOTIMP"
        case 5: "REFUSED"
        case 6: "YXDOMAIN"
        case 7: "YXRRSET"
        case 8: "NXRRSET"
        case 9: "NOTAUTH"
        case 10: "NOTZONE"
        case 11: "DSOTYPENI"
        case 16: "BADVERS"
        case 17: "BADKEY"
        case 18: "BADTIME"
        case 19: "BADMODE"
        case 20: "BADNAME"
        case 21: "BADALG"
        case 22: "BADTRUNC"
        case 23: "BADCOOKIE"
        default: nil
        }
    }

    /// The name of an operation code (RFC 6895 §2.2), nil if it has none.
    static func opcodeName(_ code: UInt8) -> StaticString? {
        switch code {
        case 0: "QUERY"
        case 1: "IQUERY"
        case 2: "STATUS"
        case 4: "NOTIFY"
        case 5: "UPDATE"
        case 6: "DSO"
        default: nil
        }
    }
}

extension TextBuffer {
    func appendDNSType(_ type: UInt16) {
        appendName(DNSNumbers.typeName(type), or: "TYPE", type)
    }

    func appendDNSClass(_ value: UInt16) {
        appendName(DNSNumbers.className(value), or: "CLASS", value)
    }

    func appendDNSResponseCode(_ code: UInt16) {
        appendName(DNSNumbers.responseCodeName(code), or: "RCODE", code)
    }

    func appendDNSOpcode(_ code: UInt8) {
        appendName(DNSNumbers.opcodeName(code), or: "OPCODE", UInt16(code))
    }

    private func appendName(_ name: StaticString?, or prefix: StaticString, _ number: UInt16) {
        if let name { return append(name) }
        append(prefix)
        appendDecimal(number)
    }
}
