/// What a file that is no capture seems to be, for the message that says so.
enum FileKind {
    /// A few words, from the first bytes of the file.
    static func description(of head: [UInt8]) -> String {
        if head.isEmpty { return "an empty file" }
        if let known = signatures.first(where: { head.dropFirst($0.offset).starts(with: $0.magic) })
        {
            return known.name
        }
        if isERF(head) { return "an ERF capture (Endace)" }
        if isText(head) { return textDescription(of: head) }
        if head.allSatisfy({ $0 == 0 }) { return "nothing but zeros" }
        return "unknown binary data"
    }

    private struct Signature {
        var magic: [UInt8]
        var offset = 0
        var name: String

        init(_ magic: [UInt8], at offset: Int = 0, _ name: String) {
            self.magic = magic
            self.offset = offset
            self.name = name
        }

        init(_ magic: String, at offset: Int = 0, _ name: String) {
            self.init(Array(magic.utf8), at: offset, name)
        }
    }

    private static let signatures: [Signature] = [
        Signature("snoop\0\0\0", "a snoop capture (Solaris)"),
        Signature("btsnoop\0", "a btsnoop capture (Bluetooth)"),
        Signature("GMBU", "a Microsoft Network Monitor capture"),
        Signature("RTSS", "a Microsoft Network Monitor 1 capture"),
        Signature("TRSNIFF data", "a Network Associates Sniffer capture"),
        Signature("XCP\0", "a Network Associates Sniffer for Windows capture"),
        Signature("iptrace ", "an iptrace capture (AIX)"),
        Signature([0x54, 0x52, 0x00, 0x64, 0x00], "an nettl trace (HP-UX)"),
        Signature([0x1c, 0x00, 0x01, 0xab], "a pcap variant of IXIA"),
        Signature([0x1c, 0x00, 0x01, 0xac], "a pcap variant of IXIA"),
        Signature([0xab, 0x01, 0x00, 0x1c], "a pcap variant of IXIA"),
        Signature([0xac, 0x01, 0x00, 0x1c], "a pcap variant of IXIA"),
        Signature([0xa1, 0x2b, 0x3c, 0x4d], "a pcap variant of Navtel"),
        Signature([0x4d, 0x3c, 0x2b, 0xa1], "a pcap variant of Navtel"),
        Signature([0x1f, 0x8b], "gzip data"),
        Signature([0x28, 0xb5, 0x2f, 0xfd], "zstd data"),
        Signature([0x1f, 0x9d], "data packed by compress"),
        Signature("BZh", "bzip2 data"),
        Signature([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], "xz data"),
        Signature([0x04, 0x22, 0x4d, 0x18], "lz4 data"),
        Signature([0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], "a 7-Zip archive"),
        Signature("Rar!", "a RAR archive"),
        Signature("PK\u{03}\u{04}", "a ZIP archive"),
        Signature("PK\u{05}\u{06}", "an empty ZIP archive"),
        Signature("ustar", at: 257, "a tar archive"),
        Signature([0x7f, 0x45, 0x4c, 0x46], "an ELF program"),
        Signature("MZ", "a Windows program"),
        Signature([0xcf, 0xfa, 0xed, 0xfe], "a Mach-O program"),
        Signature([0xca, 0xfe, 0xba, 0xbe], "a Mach-O program or Java class"),
        Signature("SQLite format 3\0", "an SQLite database"),
        Signature("ElfFile\0", "a Windows event log"),
        Signature("%PDF-", "a PDF document"),
        Signature([0x89, 0x50, 0x4e, 0x47], "a PNG image"),
        Signature([0xff, 0xd8, 0xff], "a JPEG image"),
        Signature("GIF8", "a GIF image"),
        Signature("version https://git-lfs", "a Git LFS pointer: fetch the file itself"),
    ]

    /// ERF has no magic number: the first record must be of a known type, with lengths that fit
    /// (ERF Types Reference Guide §2.1).
    private static func isERF(_ head: [UInt8]) -> Bool {
        guard head.count >= 32 else { return false }
        let bytes = head.span.bytes
        let seconds = bytes.littleEndian(UInt32.self, at: 4)
        let type = bytes.byte(at: 8) & 0x7f
        let recordByteCount = Int(bytes.bigEndian(UInt16.self, at: 10))
        let wireByteCount = Int(bytes.bigEndian(UInt16.self, at: 14))
        // Stamped between 1996, when there were no such cards, and 2106.
        return seconds > 820_454_400 && (1...48).contains(type) && recordByteCount >= 24
            && wireByteCount > 0 && recordByteCount <= wireByteCount &+ 64
    }

    /// Whether there is nothing but printing characters and white space, most of it ASCII; bytes
    /// from 0x80 on may belong to any encoding.
    private static func isText(_ head: [UInt8]) -> Bool {
        head.allSatisfy { $0 >= 0x20 && $0 != 0x7f || (0x09...0x0d).contains($0) }
            && head.count { $0 < 0x80 } * 2 >= head.count
    }

    private static func textDescription(of head: [UInt8]) -> String {
        let text = String(decoding: head, as: UTF8.self).lowercased()
            .drop { $0.isWhitespace || $0 == "\u{feff}" }
        if text.hasPrefix("<!doctype html") || text.hasPrefix("<html") { return "an HTML page" }
        if text.hasPrefix("<?xml") { return "an XML document" }
        if text.hasPrefix("{"), text.contains("\"event_type\"") {
            return "JSON records of events (eve.json)"
        }
        if text.hasPrefix("{") || text.hasPrefix("[") { return "JSON" }
        if text.hasPrefix("#!") { return "a script" }
        return "text"
    }
}
