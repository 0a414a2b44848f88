/// The body of the message that one direction is sending: counted, and kept up to its limit.
final class HTTPBody {
    /// What the headers say about a body.
    struct Description {
    }

    let direction: Direction
    /// Bytes as transferred, without what chunks add; missing ones included.
    private(set) var byteCount: UInt64 = 0
    private var keptCount = 0

    init(_ direction: Direction) { self.direction = direction }

    private var field: Int {
        (direction == .toServer ? HTTPField.requestBody : .responseBody).rawValue
    }

    func reset() {
        byteCount = 0
        keptCount = 0
    }

    func begin(
        _ description: Description, _ transaction: Transaction, into output: ParserOutput
    ) {
        reset()
    }

    func append(_ bytes: RawSpan, _ transaction: Transaction, into output: ParserOutput) {
        byteCount &+= UInt64(bytes.byteCount)
        let limit =
            direction == .toServer
            ? output.limits.requestBodyByteCountMax : output.limits.responseBodyByteCountMax
        let count = min(bytes.byteCount, limit &- keptCount)
        guard count > 0 else { return }
        bytes.withUnsafeBytes {
            transaction.fields.extend(field, with: UnsafeRawBufferPointer(rebasing: $0[..<count]))
        }
        keptCount &+= count
    }

    func skip(_ missing: UInt64) { byteCount &+= missing }

    func end(_ transaction: Transaction, into output: ParserOutput) {
        let length = Int64(clamping: byteCount)
        if direction == .toServer {
            transaction.fields.append(length, to: HTTPField.requestBodyLength.rawValue)
        } else {
            transaction.fields.append(length, to: HTTPField.responseBodyLength.rawValue)
            transaction.fields.append(length, to: HTTPField.responseLength.rawValue)
        }
        reset()
    }
}

extension HTTPParser {
    func requestDescription(_ method: HTTPMethod) -> HTTPBody.Description { .init() }
    func responseDescription() -> HTTPBody.Description { .init() }
}
