import CCrypto

/// A running hash of bytes (libcrypto). MD5 and SHA-1 are here because analysts exchange them, not for security.
final class Digest {
    /// The hash functions that files, certificates and identifiers need.
    enum Algorithm: Sendable {
        case md5, sha1, sha256

        fileprivate var method: OpaquePointer? {
            switch self {
            case .md5: EVP_md5()
            case .sha1: EVP_sha1()
            case .sha256: EVP_sha256()
            }
        }
    }

    private let algorithm: Algorithm
    private let context: OpaquePointer

    /// Starts an empty hash.
    init(_ algorithm: Algorithm) {
        guard let context = EVP_MD_CTX_new() else { preconditionFailure("out of memory") }
        self.algorithm = algorithm
        self.context = context
        precondition(
            EVP_DigestInit_ex(context, algorithm.method, nil) == 1, "libcrypto lacks \(algorithm)")
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Starts again, keeping the memory and the hash function: looking that up costs more than a short hash.
    func reset() {
        precondition(EVP_DigestInit_ex(context, nil, nil) == 1, "\(algorithm) cannot start again")
    }

    /// Adds bytes.
    func update(_ bytes: UnsafeRawBufferPointer) {
        EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    }

    /// Adds bytes.
    func update(_ bytes: RawSpan) {
        bytes.withUnsafeBytes { update($0) }
    }

    /// The hash of all bytes added: 16, 20 or 32 bytes. Call `reset` before adding more.
    func finish() -> [UInt8] { withFinished { Array($0) } }

    /// Calls `body` with the hash of all bytes added. Call `reset` before adding more.
    func withFinished<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Int(EVP_MAX_MD_SIZE)) { digest in
            var byteCount: UInt32 = 0
            EVP_DigestFinal_ex(context, digest.baseAddress, &byteCount)
            return body(UnsafeRawBufferPointer(start: digest.baseAddress, count: Int(byteCount)))
        }
    }

    /// The hash of one run of bytes.
    static func hash(_ algorithm: Algorithm, _ bytes: some Sequence<UInt8>) -> [UInt8] {
        let digest = Digest(algorithm)
        Array(bytes).withUnsafeBytes { digest.update($0) }
        return digest.finish()
    }
}
