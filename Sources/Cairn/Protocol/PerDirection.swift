/// A value for each direction of a conversation, in memory of its own: what a parser keeps of a direction is changed where
/// it lies, without a copy.
struct PerDirection<Value>: ~Copyable {
    private let values: UnsafeMutablePointer<Value>

    init(repeating value: Value) {
        values = .allocate(capacity: 2)
        values.initialize(repeating: value, count: 2)
    }

    deinit {
        values.deinitialize(count: 2)
        values.deallocate()
    }

    subscript(direction: Direction) -> Value {
        // One way out each: the compiler makes a call, and takes memory for it, where there are two.
        @inline(__always) _read { yield values[direction == .toServer ? 0 : 1] }
        @inline(__always) nonmutating _modify { yield &values[direction == .toServer ? 0 : 1] }
    }
}
