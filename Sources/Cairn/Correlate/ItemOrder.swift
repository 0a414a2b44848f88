/// The order in which alerts of one instant are listed (CORRELATION.md §2): packet, flow, rule,
/// then what they say.
extension ItemStore {
    func precedes(_ a: ItemID, _ b: ItemID) -> Bool {
        let first = header(a).pointee
        let second = header(b).pointee
        if first.packet != second.packet { return first.packet < second.packet }
        if first.flowID != second.flowID { return first.flowID < second.flowID }
        let (one, other) = (catalog[first.label].identity, catalog[second.label].identity)
        if one != other {
            return catalog.text(ofIdentity: one)
                .lexicographicallyPrecedes(catalog.text(ofIdentity: other))
        }
        if first.source != nil || second.source != nil {
            let (one, other) = (canonicalSource(first), canonicalSource(second))
            if one != other { return one.lexicographicallyPrecedes(other) }
        }
        return contentPrecedes(a, b)
    }

    private func canonicalSource(_ header: ItemHeader) -> [UInt8] {
        let text = UnsafeRawBufferPointer(start: header.source, count: Int(header.sourceByteCount))
        return JSONValue(parsing: text)?.canonicalText ?? Array(text)
    }

    /// Orders alerts by what is carried of them; alerts that are equal in it are the same to
    /// correlation.
    private func contentPrecedes(_ a: ItemID, _ b: ItemID) -> Bool {
        for field in 0..<fieldCount + 2 {
            let (first, second) = (valueOrHost(a, field), valueOrHost(b, field))
            if first.kind != second.kind { return first.kind.rawValue < second.kind.rawValue }
            let order = GroupKey.compare(text(a, first), text(b, second))
            if order != 0 { return order < 0 }
        }
        return catalog.label(header(a).pointee.label).key
            .lexicographicallyPrecedes(catalog.label(header(b).pointee.label).key)
    }
}
