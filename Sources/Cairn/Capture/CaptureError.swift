extension CaptureError {
    /// Whether the input ended within a record, and what came before was delivered.
    public var isEndOfReadable: Bool {
        switch self {
        case .cutOff, .damaged: true
        default: false
        }
    }
}

extension CaptureError: CustomStringConvertible {
    /// What happened where, in a sentence for people.
    public var description: String {
        switch self {
        case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
        case .notACapture(let path, let kind): "\(path) is no capture; it looks like \(kind)"
        case .cutOff(let path, let offset):
            "\(path) is cut off: a record that begins at byte \(offset) is not whole; "
                + "everything before it was read"
        case .damaged(let path, let offset, let reason):
            "\(path) is damaged at byte \(offset): \(reason); everything before it was read"
        case .badFilter(let expression, let reason):
            "the filter '\(expression)' does not compile: \(reason)"
        case .interface(let name, let reason): "cannot watch \(name): \(reason)"
        case .unwritable(let path, let reason): "cannot write \(path): \(reason)"
        case .privileges(let user, let reason): "cannot change to user \(user): \(reason)"
        }
    }
}
