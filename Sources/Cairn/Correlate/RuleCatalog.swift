/// A rule as alerts show it: identity, title, level and tags, by its number in the `RuleCatalog`.
struct RuleLabelID: Hashable {
    var index: Int32
    static let none = RuleLabelID(index: -1)
}

/// The rules that alerts and firings name: who they are, what they say about themselves, who
/// listens to them.
///
/// Rules of the program stay; others, and other wordings (an alert file may say anything), live as
/// long as something refers to them, so the catalog is bounded by the items and incidents that are
/// held.
final class RuleCatalog {
    /// What the hot path asks about a label.
    struct Facts {
        var identity: Int32
        var level: Level
        var isStandalone: Bool
        var hasTags: Bool
        /// Whether its tags name tactics or techniques.
        var hasATTACK: Bool
        var references: UInt32
        /// The identity and the title as JSON text, in memory of the label.
        var idText: UnsafeRawBufferPointer
        var titleText: UnsafeRawBufferPointer
    }

    /// What records say about a label.
    struct Label {
        var title: [UInt8]?
        var tags: [[UInt8]]
        /// Indices into `Tactic.names`, in the order of the tags.
        var tactics: [UInt8]
        /// `T1046`, in the order of the tags.
        var techniques: [[UInt8]]
        /// What makes the label itself, to find it again.
        var key: [UInt8]
    }

    private struct Identity {
        var text: [UInt8]
        var references: UInt32
    }

    /// Plain memory, as every alert reads and counts here.
    private var facts: UnsafeMutablePointer<Facts>
    private var factCount = 0
    private var factCapacity = 64
    private var labels: [Label] = []
    private var freeLabels: [Int32] = []
    private var labelsByKey: [[UInt8]: Int32] = [:]
    private var identities: [Identity] = []
    private var freeIdentities: [Int32] = []
    private var identitiesByText: [[UInt8]: Int32] = [:]
    private let program: CorrelationProgram
    private var writer = JSONWriter()

    /// A catalog that knows the identities of a program by their numbers there.
    init(program: CorrelationProgram) {
        self.program = program
        facts = .allocate(capacity: factCapacity)
        for identity in program.identities {
            let text = Array(identity.text.utf8)
            identitiesByText[text] = Int32(truncatingIfNeeded: identities.count)
            identities.append(Identity(text: text, references: 1))
        }
    }

    deinit {
        for index in 0..<factCount where facts[index].references > 0 {
            facts[index].idText.deallocate()
        }
        facts.deallocate()
    }

    /// The text of an identity.
    func text(ofIdentity identity: Int32) -> [UInt8] { identities[Int(identity)].text }

    /// Whether the program names an identity.
    func isKnown(_ text: [UInt8]) -> Bool {
        identitiesByText[text].map { Int($0) < program.identities.count } ?? false
    }

    /// The label of a rule that is named by id or name and described like this; to be released when
    /// not needed.
    func label(
        rule name: [UInt8], title: [UInt8]?, level: Level, tags: [[UInt8]]
    ) -> RuleLabelID {
        let identity = retainedIdentity(program.identity(named: name) ?? name)
        defer { releaseIdentity(identity) }
        return label(identity: identity, title: title, level: level, tags: tags)
    }

    /// The label of a known identity that is described like this; to be released when not needed.
    func label(
        identity: Int32, title: [UInt8]?, level: Level, tags: [[UInt8]]
    ) -> RuleLabelID {
        let key = Self.key(identity: identity, title: title, level: level, tags: tags)
        if let index = labelsByKey[key] {
            facts[Int(index)].references &+= 1
            return RuleLabelID(index: index)
        }
        retainIdentity(identity)
        let isEvidenceOnly =
            Int(identity) < program.identities.count
            && program.identities[Int(identity)].isEvidenceOnly
        let (tactics, techniques) = Tactic.parse(tags)
        let (idText, titleText) = texts(of: identity, title)
        let new = Facts(
            identity: identity, level: level, isStandalone: !isEvidenceOnly,
            hasTags: !tags.isEmpty, hasATTACK: !(tactics.isEmpty && techniques.isEmpty),
            references: 1, idText: idText, titleText: titleText)
        let label = Label(
            title: title, tags: tags, tactics: tactics, techniques: techniques, key: key)
        let index: Int32
        if let free = freeLabels.popLast() {
            index = free
            facts[Int(index)] = new
            labels[Int(index)] = label
        } else {
            index = Int32(truncatingIfNeeded: factCount)
            if factCount == factCapacity { growFacts() }
            facts[factCount] = new
            factCount += 1
            labels.append(label)
        }
        labelsByKey[key] = index
        return RuleLabelID(index: index)
    }

    /// What the hot path asks about a label.
    @inline(__always) subscript(label: RuleLabelID) -> Facts { facts[Int(label.index)] }

    /// What records say about a label.
    func label(_ label: RuleLabelID) -> Label { labels[Int(label.index)] }

    // One part of that, without copying the others.
    func tactics(of label: RuleLabelID) -> [UInt8] { labels[Int(label.index)].tactics }
    func techniques(of label: RuleLabelID) -> [[UInt8]] { labels[Int(label.index)].techniques }

    @inline(__always) func retain(_ label: RuleLabelID) {
        facts[Int(label.index)].references &+= 1
    }

    @inline(__always) func release(_ label: RuleLabelID) {
        facts[Int(label.index)].references &-= 1
        if facts[Int(label.index)].references == 0 { remove(label) }
    }

    /// What records show of a label as JSON text, in one block of memory.
    private func texts(
        of identity: Int32, _ title: [UInt8]?
    ) -> (id: UnsafeRawBufferPointer, title: UnsafeRawBufferPointer) {
        writer.removeAll()
        writer.string(identities[Int(identity)].text)
        let idByteCount = writer.byteCount
        if let title { writer.string(title) } else { writer.null() }
        let block = UnsafeMutableRawBufferPointer.allocate(
            byteCount: writer.byteCount, alignment: 16)
        writer.withBytes { block.copyMemory(from: $0) }
        let texts = UnsafeRawBufferPointer(block)
        return (
            UnsafeRawBufferPointer(rebasing: texts[..<idByteCount]),
            // Behind the comma.
            UnsafeRawBufferPointer(rebasing: texts[(idByteCount + 1)...])
        )
    }

    private func growFacts() {
        let larger = UnsafeMutablePointer<Facts>.allocate(capacity: 2 * factCapacity)
        larger.update(from: facts, count: factCount)
        facts.deallocate()
        facts = larger
        factCapacity *= 2
    }

    private func remove(_ label: RuleLabelID) {
        let index = Int(label.index)
        labelsByKey[labels[index].key] = nil
        facts[index].idText.deallocate()
        labels[index] = Label(title: nil, tags: [], tactics: [], techniques: [], key: [])
        freeLabels.append(label.index)
        releaseIdentity(facts[index].identity)
    }

    private func retainedIdentity(_ text: [UInt8]) -> Int32 {
        if let known = identitiesByText[text] {
            identities[Int(known)].references &+= 1
            return known
        }
        let new = Identity(text: text, references: 1)
        let index: Int32
        if let free = freeIdentities.popLast() {
            index = free
            identities[Int(index)] = new
        } else {
            index = Int32(truncatingIfNeeded: identities.count)
            identities.append(new)
        }
        identitiesByText[text] = index
        return index
    }

    /// Keeps an identity alive whose label may go.
    func retainIdentity(_ identity: Int32) { identities[Int(identity)].references &+= 1 }

    /// Gives up what `retainIdentity` or a label kept.
    func releaseIdentity(_ identity: Int32) {
        let index = Int(identity)
        identities[index].references &-= 1
        guard identities[index].references == 0 else { return }
        identitiesByText[identities[index].text] = nil
        identities[index].text = []
        freeIdentities.append(identity)
    }

    /// All parts, texts with their lengths, so that no two labels share a key.
    private static func key(
        identity: Int32, title: [UInt8]?, level: Level, tags: [[UInt8]]
    ) -> [UInt8] {
        var key: [UInt8] = [level.rawValue, title == nil ? 0 : 1]
        withUnsafeBytes(of: identity) { key.append(contentsOf: $0) }
        for part in [title ?? []] + tags {
            withUnsafeBytes(of: UInt32(truncatingIfNeeded: part.count)) {
                key.append(contentsOf: $0)
            }
            key.append(contentsOf: part)
        }
        return key
    }
}

// MARK: - Checkpoint

extension RuleCatalog {
    /// Mentions a label.
    func save(_ label: RuleLabelID, to writer: inout CheckpointWriter) {
        guard writer.mention(UInt32(bitPattern: label.index), .label) else { return }
        saveIdentity(self[label].identity, to: &writer)
        writer.optional(self.label(label).title) { $0.text($1) }
        writer.byte(self[label].level.rawValue)
        writer.texts(self.label(label).tags)
    }

    /// Mentions an identity.
    func saveIdentity(_ identity: Int32, to writer: inout CheckpointWriter) {
        guard writer.mention(UInt32(bitPattern: identity), .identity) else { return }
        writer.text(text(ofIdentity: identity))
    }

    /// The label that is mentioned next; the reader retains it.
    func restoreLabel(
        from reader: inout CheckpointReader
    ) throws(CheckpointError) -> RuleLabelID {
        let place = try reader.mention(of: reader.labels.count)
        if place < reader.labels.count { return reader.labels[place] }
        let identity = try restoreIdentity(from: &reader)
        let title = try reader.optional { reader throws(CheckpointError) in try reader.text() }
        let level = try reader.level()
        let label = label(
            identity: identity, title: title, level: level, tags: try reader.texts())
        reader.labels.append(label)
        return label
    }

    /// The identity that is mentioned next; the reader retains it.
    func restoreIdentity(
        from reader: inout CheckpointReader
    ) throws(CheckpointError) -> Int32 {
        let place = try reader.mention(of: reader.identities.count)
        if place < reader.identities.count { return reader.identities[place] }
        let identity = retainedIdentity(try reader.text())
        reader.identities.append(identity)
        return identity
    }
}

/// The tactics of MITRE ATT&CK in the order of the kill chain (CORRELATION.md §9).
enum Tactic {
    static let names: [StaticString] = [
        "reconnaissance", "resource-development", "initial-access", "execution", "persistence",
        "privilege-escalation", "defense-evasion", "stealth", "defense-impairment",
        "credential-access", "discovery", "lateral-movement", "collection", "command-and-control",
        "exfiltration", "impact",
    ]

    /// The tactics and techniques that tags name: `attack.initial_access`, `attack.t1071.001`.
    static func parse(_ tags: [[UInt8]]) -> (tactics: [UInt8], techniques: [[UInt8]]) {
        var tactics: [UInt8] = []
        var techniques: [[UInt8]] = []
        for tag in tags {
            let lower = tag.map(\.asciiLowercased)
            guard lower.starts(with: "attack.".utf8) else { continue }
            let name = lower.dropFirst(7).map { $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0 }
            let index = names.firstIndex { tactic in
                name.elementsEqual(
                    UnsafeBufferPointer(start: tactic.utf8Start, count: tactic.utf8CodeUnitCount))
            }
            if let index {
                tactics.append(UInt8(truncatingIfNeeded: index))
            } else if isTechnique(name) {
                techniques.append([UInt8(ascii: "T")] + name.dropFirst())
            }
        }
        return (tactics, techniques)
    }

    /// Whether text has the form `t1071` or `t1071.001`.
    private static func isTechnique(_ name: [UInt8]) -> Bool {
        guard name.count == 5 || name.count == 9, name[0] == UInt8(ascii: "t") else { return false }
        return name.indices.dropFirst().allSatisfy { index in
            index == 5 ? name[index] == UInt8(ascii: ".") : name[index] &- 48 < 10
        }
    }
}
