/// A part of a value. Numbers below 0 count from its end.
struct Subslice: Equatable, Sendable {
    var offset: Int64
    /// How many bytes, or where the part ends; up to the end if nil.
    var byteCount: Int64?
    /// What lies outside of the value is left out of the part; else the part is empty.
    var isTruncated = false

    /// The part of a value of so many bytes.
    func range(of count: Int) -> Range<Int> {
        var start = offset < 0 ? Int64(count) &+ offset : offset
        if start < 0, isTruncated { start = 0 }
        var end = Int64(count)
        if let byteCount { end = byteCount < 0 ? end &+ byteCount : start &+ byteCount }
        if end > Int64(count), isTruncated { end = Int64(count) }
        guard 0 <= start, start < end, end <= Int64(count) else { return 0..<0 }
        return Int(start)..<Int(end)
    }

    /// The text of both rule languages: `-6`, `0,4`, `1,30,truncate`.
    var text: String {
        "\(offset)" + (byteCount.map { ",\($0)" } ?? "") + (isTruncated ? ",truncate" : "")
    }

    /// nil for anything else.
    init?(_ text: String) {
        var parts = text.filter { $0 != " " }.split(
            separator: ",", omittingEmptySubsequences: false)
        if parts.last == "truncate" {
            isTruncated = true
            parts.removeLast()
        }
        let numbers = parts.compactMap { Int64($0) }
        guard (1...2).contains(parts.count), numbers.count == parts.count,
            numbers.allSatisfy({ (-65_535...65_535).contains($0) })
        else { return nil }
        offset = numbers[0]
        byteCount = numbers.count > 1 ? numbers[1] : nil
    }
}
