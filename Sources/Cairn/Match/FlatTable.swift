/// Values in a row at a stable place, filled while rules are compiled and only read afterwards. Reading one touches no
/// reference counts, whatever the values hold.
final class FlatTable<Element> {
    private(set) var elements: UnsafeMutablePointer<Element>
    private(set) var count = 0
    private var capacity = 16

    init() { elements = .allocate(capacity: capacity) }

    deinit {
        elements.deinitialize(count: count)
        elements.deallocate()
    }

    /// Adds a value and gives its index.
    @discardableResult
    func append(_ element: Element) -> Int32 {
        if count == capacity {
            let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity * 2)
            larger.moveInitialize(from: elements, count: count)
            elements.deallocate()
            elements = larger
            capacity *= 2
        }
        (elements + count).initialize(to: element)
        count += 1
        return Int32(truncatingIfNeeded: count - 1)
    }
}
