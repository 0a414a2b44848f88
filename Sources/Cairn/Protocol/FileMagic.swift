import CMagic

/// What libmagic says about first bytes. Its database is opened when it is first asked; a shard has
/// one of its own, since a cookie serves one thread at a time.
final class FileMagic {
    private enum Cookie {
        case closed, missing
        case open(magic_t)

        /// Asks about bytes; `answer` is not called if there is no database or no answer.
        mutating func identify(
            _ bytes: UnsafeRawBufferPointer, flags: Int32,
            _ answer: (UnsafeRawBufferPointer) -> Void
        ) {
            if case .closed = self { open(flags) }
            guard case .open(let cookie) = self,
                let text = magic_buffer(cookie, bytes.baseAddress, bytes.count)
            else { return }
            var count = 0
            while text[count] != 0 { count &+= 1 }
            answer(UnsafeRawBufferPointer(start: text, count: count))
        }

        private mutating func open(_ flags: Int32) {
            self = .missing
            guard let cookie = magic_open(flags) else { return }
            guard magic_load(cookie, nil) == 0 else { return magic_close(cookie) }
            self = .open(cookie)
        }

        func close() {
            if case .open(let cookie) = self { magic_close(cookie) }
        }
    }

    private var text: Cookie = .closed
    private var mimeType: Cookie = .closed

    deinit {
        text.close()
        mimeType.close()
    }

    /// Hands over the type in words: `PDF document, version 1.6`.
    func describe(
        _ bytes: UnsafeRawBufferPointer, _ answer: (UnsafeRawBufferPointer) -> Void
    ) {
        text.identify(bytes, flags: MAGIC_NONE, answer)
    }

    /// Hands over the MIME type: `application/pdf`.
    func mimeType(
        of bytes: UnsafeRawBufferPointer, _ answer: (UnsafeRawBufferPointer) -> Void
    ) {
        mimeType.identify(bytes, flags: MAGIC_MIME_TYPE, answer)
    }
}
