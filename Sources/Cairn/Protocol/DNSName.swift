/// Domain names as messages carry them (RFC 1035 §3.1 and §4.1.4): labels of up to 63 bytes, each
/// behind its length, ended by an empty label or by a pointer to an earlier place.
enum DNSName {
    /// What is wrong with a name that can be read nevertheless.
    struct Flaws: OptionSet {
        let rawValue: UInt8

        static let tooLong = Flaws(rawValue: 1)
        static let infiniteLoop = Flaws(rawValue: 2)
        static let tooManyLabels = Flaws(rawValue: 4)
    }

    /// Text kept of one name; what follows is cut off. RFC 1035 allows 255 bytes.
    static let textByteCountMax = 1025
    /// Labels of one name that are read.
    static let labelCountMax = 255
    /// Compression pointers that are followed in one name.
    static let pointerCountMax = 128

    /// Appends a name as text, labels joined by dots, no dot at the end; the root is empty text.
    ///
    /// - Returns: the offset behind the name, nil if it leaves the message or has a label type that
    ///   is not known.
    static func read(
        _ message: RawSpan, at start: Int, into text: TextBuffer, flaws: inout Flaws
    ) -> Int? {
        var position = start
        var end: Int?
        var labelCount = 0
        var pointerCount = 0
        var isCut = false
        let textStart = text.count
        while position < message.byteCount {
            let length = Int(message.byte(at: position))
            if length == 0 { return end ?? position &+ 1 }
            if length >= 0xc0 {
                guard position &+ 1 < message.byteCount else { return nil }
                end = end ?? position &+ 2
                pointerCount &+= 1
                if pointerCount > pointerCountMax {
                    flaws.insert(.infiniteLoop)
                    return end
                }
                position = Int(message.bigEndian(UInt16.self, at: position) & 0x3fff)
                continue
            }
            guard length < 0x40, position &+ 1 &+ length <= message.byteCount else { return nil }
            if !isCut {
                labelCount &+= 1
                if text.count > textStart { text.append(UInt8(ascii: ".")) }
                text.append(message, position &+ 1..<position &+ 1 &+ length)
                if text.count &- textStart > textByteCountMax {
                    flaws.insert(.tooLong)
                    isCut = true
                } else if labelCount >= labelCountMax {
                    flaws.insert(.tooManyLabels)
                    isCut = true
                }
                text.truncate(to: textStart &+ textByteCountMax)
            }
            // Behind a pointer the end is known; elsewhere the walk ends with the message.
            if isCut, let end { return end }
            position &+= 1 &+ length
        }
        return nil
    }

    /// Where the registrable domain begins in a name: the last two labels, or three if the last two
    /// look like a country's public suffix (`co.uk`, `com.au`, `gob.mx`). An approximation without
    /// the public suffix list.
    static func registrableDomainOffset(_ name: UnsafeRawBufferPointer) -> Int {
        var dots = (last: -1, second: -1, third: -1)
        var index = name.count &- 1
        while index >= 0, dots.third < 0 {
            if name[index] == UInt8(ascii: ".") {
                if dots.last < 0 {
                    dots.last = index
                } else if dots.second < 0 {
                    dots.second = index
                } else {
                    dots.third = index
                }
            }
            index &-= 1
        }
        guard dots.last >= 0 else { return 0 }
        let isCountry = name.count &- dots.last &- 1 == 2
        let secondLevel = UnsafeRawBufferPointer(rebasing: name[(dots.second &+ 1)..<dots.last])
        if isCountry, isSharedSecondLevel(secondLevel) { return dots.third &+ 1 }
        return dots.second &+ 1
    }

    /// Labels under which many countries register domains.
    private static let sharedSecondLevels: [[UInt8]] = [
        "ac", "co", "com", "edu", "gen", "go", "gob", "gov", "ind", "ltd", "mil", "ne", "net",
        "nom", "or", "org", "plc", "sch",
    ].map { Array($0.utf8) }

    private static func isSharedSecondLevel(_ label: UnsafeRawBufferPointer) -> Bool {
        sharedSecondLevels.contains { $0.elementsEqual(label) }
    }
}
