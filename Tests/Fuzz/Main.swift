@testable import Cairn

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The target that the environment names.
private let target: FuzzTarget = {
    let name = getenv("TARGET").map { String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
        fatalError("TARGET must be one of \(names)")
    }
    return target
}()

/// What libFuzzer calls with every input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ bytes: UnsafePointer<UInt8>?, _ byteCount: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: bytes, count: byteCount))
    if let problem = target.run(input) { fatalError(problem) }
    return 0
}
