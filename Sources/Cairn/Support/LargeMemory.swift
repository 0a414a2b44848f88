#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Memory for much at once, in large pages where the system gives them: it is filled and gone through from end to end, and
/// with small pages the processor would look up each of them anew. To be given back by `deallocate`.
func allocateLarge(byteCount: Int) -> UnsafeMutableRawBufferPointer {
    let pageByteCount = 2 << 20
    let memory = UnsafeMutableRawBufferPointer.allocate(
        byteCount: (byteCount + pageByteCount - 1) / pageByteCount * pageByteCount,
        alignment: pageByteCount)
    #if os(Linux)
        // A hint: without large pages everything works as well.
        _ = madvise(memory.baseAddress, memory.count, MADV_HUGEPAGE)
    #endif
    return UnsafeMutableRawBufferPointer(rebasing: memory[..<byteCount])
}
