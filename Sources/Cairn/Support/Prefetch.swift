import CIntrinsics

/// Bytes of a line of the processor's cache, on nearly all of them.
private let cacheLineByteCount = 64

/// The smallest number of whole lines of the cache that bytes fit, in bytes.
func wholeCacheLines(_ byteCount: Int) -> Int {
    (byteCount + cacheLineByteCount - 1) / cacheLineByteCount * cacheLineByteCount
}

/// Asks for the memory of a value, which will be needed soon, so that it need not be waited for then.
@inline(__always) func prefetch<Value: ~Copyable>(_ value: UnsafePointer<Value>) {
    prefetch(UnsafeRawPointer(value), byteCount: MemoryLayout<Value>.size)
}

/// Asks for bytes, which will be needed soon.
@inline(__always) func prefetch(_ start: UnsafeRawPointer?, byteCount: Int) {
    guard let start else { return }
    for offset in stride(from: 0, to: byteCount, by: cacheLineByteCount) {
        cairn_prefetch(start + offset)
    }
}

/// Asks for the memory of a value, which will be needed soon, so that it need not be waited for then.
@inline(__always) func prefetch<Value: ~Copyable>(_ value: UnsafeMutablePointer<Value>) {
    prefetch(UnsafePointer(value))
}
