/// Keywords about files.
extension SuricataDraft {
    private static func fileSticky(_ name: String) -> SuricataSticky? {
        SuricataSticky(name, "file", name)
    }

    mutating func fileBuffer(_ name: String, _ option: SuricataOption) throws(SuricataProblem) {
        try stick(to: Self.fileSticky(name), option)
    }

    /// `filename:"x"` is a content in the file's name.
    mutating func fileText(_ name: String, _ option: SuricataOption) throws(SuricataProblem) {
        let (value, isNegated) = try option.required().negatable
        guard let sticky = Self.fileSticky(name) else { throw option.unsupported() }
        var step = ContentStep(bytes: try Self.contentBytes(value.unquoted ?? value))
        guard !step.bytes.isEmpty else { throw value.error("the text is empty") }
        step.ignoresCase = true
        step.isNegated = isNegated
        let index = buffer(.transaction(sticky), at: option.offset)
        buffers[index].steps.append(.content(step))
    }

    mutating func fileExtension(_ option: SuricataOption) throws(SuricataProblem) {
        let (value, isNegated) = try option.required().negatable
        guard let sticky = Self.fileSticky("file.name") else { throw option.unsupported() }
        var step = ContentStep(
            bytes: [UInt8(ascii: ".")] + (try Self.contentBytes(value.unquoted ?? value)))
        step.ignoresCase = true
        step.isNegated = isNegated
        step.endsWith = true
        let index = buffer(.transaction(sticky), at: option.offset)
        buffers[index].steps.append(.content(step))
    }

    /// A size in bytes, or with KB, MB, GB behind the number.
    mutating func fileSize(_ option: SuricataOption) throws(SuricataProblem) {
        let value = try option.required()
        guard let sticky = Self.fileSticky("file.size") else { throw option.unsupported() }
        let text = value.text.filter { $0 != " " }
        func bytes(_ text: some StringProtocol) throws(SuricataProblem) -> Int64 {
            guard let count = Setting.byteCount(String(text)) else {
                throw value.error("'\(value.text)' is no size; write 100, >1MB or 1KB<>2KB")
            }
            return Int64(count)
        }
        let index = buffer(.transaction(sticky), at: option.offset)
        if let range = text.firstRange(of: "<>") ?? text.firstRange(of: "-") {
            buffers[index].predicates += [
                .number(.greater, try bytes(text[..<range.lowerBound])),
                .number(.less, try bytes(text[range.upperBound...])),
            ]
            requireWholeFile(option)
            return
        }
        let operators: [(String, Comparison)] = [
            ("<=", .lessOrEqual), (">=", .greaterOrEqual), ("<", .less), (">", .greater),
            ("!", .notEqual),
        ]
        for (name, comparison) in operators where text.hasPrefix(name) {
            buffers[index].predicates.append(
                .number(comparison, try bytes(text.dropFirst(name.count))))
            if comparison != .greater, comparison != .greaterOrEqual { requireWholeFile(option) }
            return
        }
        buffers[index].predicates.append(.number(.equal, try bytes(text)))
        requireWholeFile(option)
    }

    /// How large a file is of which the end is missing nobody knows, but that it is larger than what came.
    private mutating func requireWholeFile(_ option: SuricataOption) {
        guard let sticky = Self.fileSticky("file.state") else { return }
        let index = buffer(.transaction(sticky), at: option.offset)
        let whole = Self.text("CLOSED")
        if !buffers[index].predicates.contains(whole) { buffers[index].predicates.append(whole) }
    }

    /// `filestore:both,flow`: there is a file. Which files are to be kept, as the options say, changes no alert.
    mutating func fileStore(_ option: SuricataOption) throws(SuricataProblem) {
        let directions = [
            "request", "to_server", "response", "to_client", "both",
        ]
        if let value = option.value, !value.isEmpty {
            let parts = value.split(",")
            guard parts.count <= 2, directions.contains(parts[0].text) else {
                throw value.error(
                    "'filestore' takes one of \(alternatives(directions)), then file, tx or flow")
            }
            if parts.count == 2, !["file", "tx", "ssn", "flow"].contains(parts[1].text) {
                throw parts[1].error("'filestore' is about a file, a tx or a flow")
            }
        }
        guard let sticky = Self.fileSticky("file.protocol") else { throw option.unsupported() }
        looksAgainAtFiles = true
        let index = buffer(.transaction(sticky), at: option.offset)
        if buffers[index].predicates.isEmpty { buffers[index].predicates.append(.exists(true)) }
    }

    /// `filemd5:list`: the hash is one of those in a file beside the rules, or none of them.
    mutating func fileHash(
        _ kind: SetDefinition.Kind, _ option: SuricataOption
    ) throws(SuricataProblem) {
        let (value, isNegated) = try option.required().negatable
        let name = (value.unquoted ?? value).text
        guard !name.isEmpty else { throw value.error("the name of a list is missing") }
        guard let sticky = Self.fileSticky("file.\(kind.rawValue)") else {
            throw option.unsupported()
        }
        var set = SetDefinition(name: "\(option.name) \(name)")
        set.kind = kind
        set.path = path(name)
        set.format = .hashes
        let index = buffer(.transaction(sticky), at: option.offset)
        buffers[index].predicates.append(
            .inSet(SetTest(set: set, action: isNegated ? .isnotset : .isset)))
    }

    /// Each time that `file.data` or `file.name` is named another file may be meant, unless what follows counts from what
    /// was found before.
    mutating func splitFileBuffers() {
        for index in buffers.indices {
            guard case .transaction(let sticky) = buffers[index].place,
                sticky.subject == Self.file
            else { continue }
            for start in buffers[index].restarts.reversed() {
                let steps = buffers[index].steps
                guard start > 0, start < steps.count, !steps[start].isRelative else { continue }
                let names = steps[..<start].flatMap(\.definedVariables)
                guard !steps[start...].flatMap(\.variables).contains(where: names.contains) else {
                    continue
                }
                var other = buffers[index]
                other.steps = Array(steps[start...])
                other.predicates = []
                other.conditions = []
                other.absence = nil
                buffers[index].steps = Array(steps[..<start])
                buffers.append(other)
            }
        }
    }
}

extension SequenceStep {
    /// Counts from the end of the match before.
    fileprivate var isRelative: Bool {
        switch self {
        case .content(let step): step.distance != nil || step.within != nil
        case .regex(_, let isRelative, _, _), .isDataAt(_, let isRelative, _),
            .base64(_, let isRelative, _):
            isRelative
        case .byteTest(let number, _, _, _), .byteJump(let number, _),
            .byteExtract(let number, _, _, _), .byteMath(let number, _, _, _):
            number.isRelative
        case .asn1(let test): if case .relative = test.origin { true } else { false }
        case .size, .sizeRange, .entropy: false
        }
    }
}
