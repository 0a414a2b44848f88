/// Follows one file while a protocol carries it, and makes its transaction.
///
/// A parser takes one from `ParserOutput.files`, begins it, feeds it the decoded bytes in order and
/// ends it; then it goes back by itself. Kept are the first bytes for rules (the carrier's body
/// limit) and for libmagic (`fileMagicByteCount`); hashes cover everything, and are left out where
/// bytes are missing.
final class FileTracker {
    private var transaction: Transaction?
    private var direction: Direction = .toClient
    private var byteCount: UInt64 = 0
    private var dataByteCountMax = 0
    private var keptByteCount = 0
    private var hasGaps = false
    /// Bytes have come, and rules were told so.
    private var hasBegun = false
    private let start = HTTPBuffer()
    private var md5: Digest?
    private var sha1: Digest?
    private var sha256: Digest?

    /// Begins a file that a transaction carries; `name` is empty if the protocol gives none.
    ///
    /// - Parameter isOneOfSeveral: the same side may send others in the same transaction.
    func begin(
        name: UnsafeRawBufferPointer, in carrier: Transaction, _ direction: Direction,
        isOneOfSeveral: Bool = false, into output: ParserOutput
    ) {
        let transaction = output.begin(FileTable.definition, id: carrier.id)
        transaction.carrier = carrier
        transaction.spoken = carrier.spoken
        transaction.carrierID = carrier.id
        transaction.fileDirection = direction
        transaction.isOneOfSeveral = isOneOfSeveral
        self.transaction = transaction
        self.direction = direction
        dataByteCountMax = output.limits.bodyByteCountMax(direction)
        transaction.fields.append((carrier.spoken ?? carrier.definition).name, to: .carrier)
        if name.count > 0 {
            let name = UnsafeRawBufferPointer(
                rebasing: name.prefix(output.limits.fileNameByteCountMax))
            transaction.fields.append(name, to: .name)
            if let dot = name.lastIndex(of: ASCII.dot), dot + 1 < name.count,
                !name[dot...].contains(ASCII.slash)
            {
                transaction.fields.append(
                    UnsafeRawBufferPointer(rebasing: name[(dot + 1)...]), to: .pathExtension)
            }
        }
        if output.fileNeeds.contains(.md5) { md5 = Self.ready(md5, .md5) }
        if output.fileNeeds.contains(.sha1) { sha1 = Self.ready(sha1, .sha1) }
        if output.fileNeeds.contains(.sha256) { sha256 = Self.ready(sha256, .sha256) }
    }

    private static func ready(_ digest: Digest?, _ algorithm: Digest.Algorithm) -> Digest {
        guard let digest else { return Digest(algorithm) }
        digest.reset()
        return digest
    }

    /// Adds the next bytes of the file.
    ///
    /// - Parameter kept: what the carrier keeps of the same bytes and those before them.
    func append(
        _ bytes: UnsafeRawBufferPointer, kept: LargeBytes? = nil, into output: ParserOutput
    ) {
        guard let transaction, bytes.count > 0 else { return }
        let needs = output.fileNeeds
        noteBeginning(transaction, output)
        byteCount &+= UInt64(bytes.count)
        if needs.contains(.data), keptByteCount < dataByteCountMax {
            let count = min(bytes.count, dataByteCountMax &- keptByteCount)
            let data = FileTable.Field.data.rawValue
            keptByteCount &+= count
            if let kept, kept.byteCount == keptByteCount {
                transaction.fields.share(kept, as: data)
            } else {
                transaction.fields.extend(
                    data, with: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
            }
        }
        let wanted = output.limits.fileMagicByteCount &- start.count
        if wanted > 0, !needs.isDisjoint(with: [.magic, .mimeType]) {
            start.append(UnsafeRawBufferPointer(rebasing: bytes.prefix(wanted)))
        }
        guard !hasGaps else { return }
        if needs.contains(.md5) { md5?.update(bytes) }
        if needs.contains(.sha1) { sha1?.update(bytes) }
        if needs.contains(.sha256) { sha256?.update(bytes) }
    }

    /// With its first bytes a file is there: rules on its name need not wait for its end.
    private func noteBeginning(_ transaction: Transaction, _ output: ParserOutput) {
        guard !hasBegun else { return }
        hasBegun = true
        transaction.carrier?.countFile(direction)
        if output.fileNeeds.contains(.files) {
            output.advance(transaction, direction, to: .line)
        }
    }

    /// Bytes of the file are missing.
    func skip(_ missing: UInt64) {
        byteCount &+= missing
        hasGaps = true
    }

    /// Ends the file: its transaction is complete.
    ///
    /// - Parameters:
    ///   - isTruncated: Whether more of it should have come.
    ///   - mimeType: Is told its MIME type, where that is asked for and known.
    func end(
        isTruncated: Bool, into output: ParserOutput, mimeType: (UnsafeRawBufferPointer) -> Void
    ) {
        guard let transaction else { return }
        noteBeginning(transaction, output)
        let isWhole = !isTruncated && !hasGaps
        transaction.fields.append(Int64(clamping: byteCount), to: FileTable.Field.size.rawValue)
        transaction.fields.append(isWhole ? "CLOSED" : "TRUNCATED", to: .state)
        transaction.fields.append(hasGaps ? 1 : 0, to: FileTable.Field.hasGaps.rawValue)
        if start.count > 0 {
            if output.fileNeeds.contains(.magic) {
                output.magic.describe(start.bytes) { transaction.fields.append($0, to: .magic) }
            }
            if output.fileNeeds.contains(.mimeType) {
                output.magic.mimeType(of: start.bytes) {
                    transaction.fields.append($0, to: .mimeType)
                    mimeType($0)
                }
            }
        }
        if isWhole { storeHashes(transaction, output.fileNeeds) }
        self.transaction = nil
        if output.fileNeeds.contains(.files) {
            // A file has one direction; the other is complete with it.
            if direction == .toServer {
                transaction.toClient = .complete
            } else {
                transaction.toServer = .complete
            }
            output.advance(transaction, direction, to: .complete)
        } else {
            output.recycle(transaction)
        }
        reset()
        output.give(self)
    }

    private func storeHashes(_ transaction: Transaction, _ needs: FileNeeds) {
        func store(_ digest: Digest?, _ field: FileTable.Field) {
            guard let digest else { return }
            start.removeAll()
            for byte in digest.finish() {
                start.append(hexDigits.utf8Start[Int(byte >> 4)])
                start.append(hexDigits.utf8Start[Int(byte & 15)])
            }
            transaction.fields.append(start.bytes, to: field)
        }
        if needs.contains(.md5) { store(md5, .md5) }
        if needs.contains(.sha1) { store(sha1, .sha1) }
        if needs.contains(.sha256) { store(sha256, .sha256) }
    }

    private func reset() {
        byteCount = 0
        keptByteCount = 0
        hasGaps = false
        hasBegun = false
        start.removeAll()
    }
}

extension FieldStore {
    fileprivate mutating func append(_ text: String, to field: FileTable.Field) {
        append(text, to: field.rawValue)
    }

    fileprivate mutating func append(_ bytes: UnsafeRawBufferPointer, to field: FileTable.Field) {
        append(bytes, to: field.rawValue)
    }
}
