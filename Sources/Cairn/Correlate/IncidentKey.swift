/// By what an incident is found (CORRELATION.md §9).
enum IncidentKey: Equatable {
    case actor(HostID)
    case victim(HostID)
    /// A pair of hosts or a rule: the elements of the key as canonical JSON, separated by commas.
    case other([UInt8])

    /// A key that is no single host.
    init(_ kind: StaticString, _ parts: [[UInt8]]) {
        var json = JSONWriter()
        json.string(UnsafeRawBufferPointer(start: kind.utf8Start, count: kind.utf8CodeUnitCount))
        for part in parts { json.string(part) }
        self = .other(json.bytes)
    }
}
