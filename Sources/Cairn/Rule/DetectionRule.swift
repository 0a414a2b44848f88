/// What every document says about itself, whether detection or correlation.
public struct RuleHeader: Sendable {
    /// `id`, else `name`, else `title`: what references and incidents call it. For Suricata rules
    /// the sid in decimal.
    public var id: String
    /// `name`, the short handle that correlations refer to.
    public var name: String?
    /// What it is about, in a few words.
    public var title: String
    /// What it is about, in a few sentences.
    public var description: String?
    /// Sigma's `stable`, `test`, `experimental`, `deprecated` or `unsupported`.
    public var status: String?
    /// As written; a detection rule without one counts as medium.
    public var level: Level?
    /// `attack.t1190`, `cve.2021-44228` and the like.
    public var tags: [String] = []
    /// Where to read more.
    public var references: [String] = []
    /// Where it was written.
    public var location: SourceLocation
    /// EVE's `alert.signature_id`; the id is derived from `id` if that is no number.
    public var signatureID: UInt64 = 0
    /// EVE's `alert.gid`.
    public var generatorID: UInt32 = 1
    /// EVE's `alert.rev`.
    public var revision: UInt32 = 0
    /// EVE's `alert.category`, where a class type gives it.
    public var category: String?
    /// EVE's `alert.severity`; without one it follows from the level.
    public var severity: Int?
    /// EVE's `alert.metadata`, in the order written.
    public var metadata: [(key: String, value: String)] = []
}

/// A detection rule, checked: names are resolved, values parsed, the condition a tree of matches.
///
/// There are tens of thousands, and they go through many hands: copies share all but the condition, until one is changed.
public struct DetectionRule: Sendable {
    /// What one evaluation looks at: an index into `FieldRegistry.subjects`.
    var subject: Int
    var condition: Condition
    private var shared: Shared

    /// The parts that copies of a rule share. Changed only where there is one copy.
    private final class Shared: @unchecked Sendable {
        var parts: RuleParts

        init(_ parts: RuleParts) { self.parts = parts }
    }

    init(header: RuleHeader, subject: Int, condition: Condition) {
        self.subject = subject
        self.condition = condition
        shared = Shared(RuleParts(header: header))
    }

    /// What it says about itself.
    public var header: RuleHeader {
        get { shared.parts.header }
        set { own.header = newValue }
    }

    var traffic: TrafficFilter {
        get { shared.parts.traffic }
        set { own.traffic = newValue }
    }

    /// State of the flow or its hosts, tested when the condition holds and changed when everything
    /// does.
    var state: [StateOperation] {
        get { shared.parts.state }
        set { own.state = newValue }
    }

    var counters: [CounterOperation] {
        get { shared.parts.counters }
        set { own.counters = newValue }
    }

    var threshold: Threshold? {
        get { shared.parts.threshold }
        set { own.threshold = newValue }
    }

    var detectionFilter: Threshold? {
        get { shared.parts.detectionFilter }
        set { own.detectionFilter = newValue }
    }

    /// Alerts that are not wanted.
    var suppressions: [Suppression] {
        get { shared.parts.suppressions }
        set { own.suppressions = newValue }
    }

    /// What many alerts make it do.
    var rateFilter: RateFilter? {
        get { shared.parts.rateFilter }
        set { own.rateFilter = newValue }
    }

    /// For a rule on files: which files of a transaction it is about.
    var files: FileScope {
        get { shared.parts.files }
        set { own.files = newValue }
    }

    /// For a rule on headers: whether what may stand behind a body counts by itself.
    var trailers: TrailerScope {
        get { shared.parts.trailers }
        set { own.trailers = newValue }
    }

    /// Fields that say who acts and who suffers; nil for the flow's client and server.
    var actor: FieldID? {
        get { shared.parts.actor }
        set { own.actor = newValue }
    }

    var victim: FieldID? {
        get { shared.parts.victim }
        set { own.victim = newValue }
    }

    /// `alert: false`: matches only for their effect on state. Of a rule that passes: it alerts all the same.
    var alerts: Bool {
        get { shared.parts.alerts }
        set { own.alerts = newValue }
    }

    /// What is done when it holds.
    var action: RuleAction {
        get { shared.parts.action }
        set { own.action = newValue }
    }

    /// When it holds, nothing more is looked for in the flow.
    var bypasses: Bool {
        get { shared.parts.bypasses }
        set { own.bypasses = newValue }
    }

    /// Alerts are signals of incidents by themselves. False where a correlation of the same file
    /// uses the rule as evidence only (CORRELATION.md §7).
    var isStandalone: Bool {
        get { shared.parts.isStandalone }
        set { own.isStandalone = newValue }
    }

    /// The parts, for a change.
    private var own: RuleParts {
        get { shared.parts }
        _modify {
            if !isKnownUniquelyReferenced(&shared) { shared = Shared(shared.parts) }
            yield &shared.parts
        }
    }
}

/// What a detection rule has besides its condition.
private struct RuleParts: Sendable {
    var header: RuleHeader
    var traffic = TrafficFilter()
    var state: [StateOperation] = []
    var counters: [CounterOperation] = []
    var threshold: Threshold?
    var detectionFilter: Threshold?
    var suppressions: [Suppression] = []
    var rateFilter: RateFilter?
    var files = FileScope.each
    var trailers = TrailerScope.once
    var actor: FieldID?
    var victim: FieldID?
    var alerts = true
    var action: RuleAction = .alert
    var bypasses = false
    var isStandalone = true
}

/// Which files of a transaction a rule on files is about.
enum FileScope: String, CaseIterable, Sendable {
    /// Each by itself.
    case each
    /// All that one side sends: different files may meet its tests, and it holds once (Suricata's rules on files).
    case once
    /// The same, and it holds again when other files have begun (those that name `filestore`).
    case again
}

/// How often a rule on headers holds on a message that may have some behind its body, too.
enum TrailerScope: String, CaseIterable, Sendable {
    case once
    /// Once for the head of an answer, and once more at the end of its chunked body if that took several packets
    /// (Suricata's rules that are looked for by what is in `http.header`).
    case again
}

/// What a rule does when it holds, Suricata's words. Cairn only watches: `drop` and `reject` are alerts that say so.
enum RuleAction: String, CaseIterable, Sendable {
    case alert, pass, drop, reject, rejectsrc, rejectdst, rejectboth
}

/// What must hold for an event. `all` of nothing is true, `any` of nothing false.
indirect enum Condition: Equatable, Sendable {
    case all([Condition])
    case any([Condition])
    case not(Condition)
    case match(FieldMatch)
}

/// One value test on one field.
struct FieldMatch: Equatable, Sendable {
    /// nil: a keyword, looked for in every text and byte field of the subject.
    var field: FieldID?
    /// Applied to the field's bytes, in order, before the test.
    var transforms: [Transform] = []
    /// Of which of several values the test must hold; of one of them if nil.
    var elements: ElementChoice?
    var predicate: Predicate
}

/// A test of one value. On a field with several values it holds if it holds for one of them
/// (`isAbsent` and `exists(false)` if there are none).
enum Predicate: Equatable, Sendable {
    case text(TextPattern)
    case regex(RegexPattern)
    case number(Comparison, Int64)
    /// Flags of a number.
    case bits(BitTest)
    /// A test of a number that is more than a comparison.
    case integer(IntegerTest)
    case network(IPNetwork)
    /// Sigma's `exists`: whether the event has the field at all.
    case exists(Bool)
    /// Sigma's `null`: the event lacks the field.
    case isAbsent
    /// Sigma's `fieldref`: compares with another field of the same event.
    case fieldReference(FieldID, TextPosition, isCased: Bool)
    /// Byte-level steps that share a cursor, within one value.
    case sequence([SequenceStep])
    case inSet(SetTest)
    /// The country of an address.
    case country(CountryTest)
    /// What is said of an address.
    case reputation(ReputationTest)
    /// A part of a time stamp (Sigma's `minute`, `hour`, `day`, `week`, `month`, `year`).
    case timePart(TimePart, Comparison, Int64)
    /// A time in seconds lies before that of the event, or does not.
    case past(Bool)
}

/// A test of a number's bits, as Suricata's `tcp.flags` and `fragbits` have it; what they write with `!` is the opposite of
/// `all`.
struct BitTest: Equatable, Sendable {
    enum Mode: String, CaseIterable, Sendable {
        /// These and no others; all of these; one of these.
        case exactly, all, any
    }

    var mode: Mode
    var bits: Int64
    /// Bits that do not count.
    var ignored: Int64 = 0

    /// Without bits it asks for a number that has none, the ignored ones among them.
    func holds(_ number: Int64) -> Bool {
        if bits == 0, number != 0 { return false }
        let number = number & ~ignored
        return switch mode {
        case .exactly: number == bits
        case .all: number & bits == bits
        case .any: number & bits != 0
        }
    }
}

enum TextPosition: Equatable, Sendable {
    case whole, prefix, suffix, anywhere
}

enum TimePart: String, Equatable, Sendable {
    case minute, hour, day, week, month, year
}

enum Comparison: String, Equatable, Sendable {
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual

    @inline(__always) func holds<Number: Comparable>(_ a: Number, _ b: Number) -> Bool {
        switch self {
        case .equal: a == b
        case .notEqual: a != b
        case .less: a < b
        case .lessOrEqual: a <= b
        case .greater: a > b
        case .greaterOrEqual: a >= b
        }
    }
}

/// Literal text with wildcards, matched against a whole value; `contains` is `*text*`.
struct TextPattern: Equatable, Sendable {
    enum Part: Equatable, Sendable {
        case literal([UInt8])
        /// `?`: exactly one byte (one character of UTF-8 text).
        case anyOne
        /// `*`: any bytes, also none.
        case anyMany
    }

    /// Never two literals or two `anyMany` next to each other. No parts: the empty value.
    var parts: [Part]
    /// Letters must have the same case. Otherwise ASCII letters match either case.
    var isCased = false
}

/// A regular expression in PCRE2's language, searched for anywhere in a value.
struct RegexPattern: Equatable, Hashable, Sendable {
    var pattern: String
    var ignoresCase = false
    /// `m`: `^` and `$` at line ends too. `s`: `.` matches line ends.
    var isMultiline = false
    var dotMatchesAll = false
    /// `x`: white space and comments in the pattern mean nothing.
    var isExtended = false
    /// PCRE's `A`, `E` (`$` only at the very end), `G` (quantifiers lazy by default).
    var isAnchored = false
    var dollarAtEndOnly = false
    var isUngreedy = false
}

/// A change of a field's bytes before the test (Suricata's transforms, same names).
enum Transform: Equatable, Sendable {
    case toLowercase, toUppercase, stripWhitespace, compressWhitespace, urlDecode, dotprefix,
        headerLowercase
    case toMD5, toSHA1, toSHA256
    case xor([UInt8])
    case fromBase64(Base64Decoding)
    /// Leaves out the lines that begin with a colon.
    case stripPseudoHeaders
    /// What the first group of an expression matched; the whole value where that is nothing.
    case pcrexform(RegexPattern)
    /// What was compressed with gzip (RFC 1952) or zlib (RFC 1950), up to so many bytes of it; the value itself if it was not.
    case gunzip(byteCountMax: Int)
    case zlibDeflate(byteCountMax: Int)
    case subslice(Subslice)
    /// The part of a host's name that can be registered, and what it is registered under.
    case domain, tld
}

/// What is decoded of a value, and how strictly (RFC 4648 §4, RFC 2045 §6.8).
struct Base64Decoding: Equatable, Sendable {
    enum Mode: String, CaseIterable, Sendable {
        /// Other bytes than digits end it; are passed over; or make all of it worth nothing.
        case rfc4648, rfc2045, strict
    }

    var mode: Mode = .rfc4648
    /// Where it begins, and how many bytes are taken, padding included; all if nil.
    var offset: Int64 = 0
    var byteCount: Int64?
}

/// One step of a `sequence`; offsets count in the value's bytes, relative ones from the end of the
/// match before.
enum SequenceStep: Equatable, Sendable {
    case content(ContentStep)
    /// `captures`: what the groups are called, in their order; see `RegexCapture`.
    case regex(RegexPattern, isRelative: Bool, isNegated: Bool, captures: [String])
    case byteTest(ByteNumber, ByteComparison, Operand, isNegated: Bool)
    case byteJump(ByteNumber, ByteJump)
    case byteExtract(ByteNumber, variable: String, multiplier: Int64, align: Int)
    case byteMath(ByteNumber, ArithmeticOperator, Operand, result: String)
    /// Whether there is data `offset` bytes from the start or the cursor.
    case isDataAt(Operand, isRelative: Bool, isNegated: Bool)
    /// The value's byte count.
    case size(Comparison, Int64)
    /// The value's byte count lies between two numbers, both included.
    case sizeRange(Int64, Int64)
    /// Steps on what base64 in the value stands for (`base64_decode` and `base64_data`); no step can follow it.
    case base64(Base64Decoding, isRelative: Bool, [SequenceStep])
    case asn1(ASN1Test)
    /// How disordered bytes are, in bits a byte.
    case entropy(EntropyTest)
}

/// A literal with the bounds of Suricata's `content`.
struct ContentStep: Equatable, Sendable {
    var bytes: [UInt8]
    var ignoresCase = false
    var isNegated = false
    /// Absolute bounds: match begins at `offset` or later and ends at `offset + depth` or sooner.
    var offset: Operand?
    var depth: Operand?
    /// Relative bounds, from the end of the match before.
    var distance: Operand?
    var within: Operand?
    var startsWith = false
    var endsWith = false
    /// Meant by the writer as the anchor for the prefilter.
    var isFast = false
}

/// What is wrong with a BER encoding (ITU-T X.690), in the words of Suricata's `asn1`; one of them is enough.
struct ASN1Test: Equatable, Sendable {
    enum Origin: Equatable, Sendable {
        case absolute(Int64)
        /// From where the match before ended.
        case relative(Int64)
    }

    /// An element says that it is longer than this.
    var oversizeLength: Int64?
    /// A bit string says that more of its bits are unused than a byte has.
    var bitstringOverflow = false
    /// A real number is longer than what reads it has room for.
    var doubleOverflow = false
    var origin = Origin.absolute(0)
}

/// The Shannon entropy of `byteCount` bytes from `offset` on (0: of all) compared with a number.
struct EntropyTest: Equatable, Sendable {
    var byteCount: Int64 = 0
    var offset: Int64 = 0
    var comparison: Comparison = .equal
    var value: Double
    /// The end of a range that begins with `value`, ends excluded; the entropy lies in it if it is to be equal, and outside
    /// if it is not to be.
    var rangeEnd: Double?
}

/// A number in a rule, or a variable that an earlier step extracted.
enum Operand: Equatable, Sendable {
    case number(Int64)
    case variable(String)
}

/// How a number is read from bytes (Suricata's `byte_test` and relatives).
struct ByteNumber: Equatable, Sendable {
    enum Text: Equatable, Sendable { case decimal, hexadecimal, octal }

    /// Offsets that rules may give.
    static let offsets: ClosedRange<Int64> = -0x7fff_ffff...0x7fff_ffff

    var byteCount: Operand
    var offset: Operand
    var isRelative = false
    var isLittleEndian = false
    /// Digits instead of a binary number.
    var text: Text?
    /// DCERPC data representation decides the byte order.
    var isDCERPC = false
    var bitmask: UInt64?
}

enum ByteComparison: String, Equatable, Sendable {
    case less = "<", greater = ">", equal = "=", lessOrEqual = "<=", greaterOrEqual = ">=", and =
        "&", or = "^"
}

enum ArithmeticOperator: String, Equatable, Sendable {
    case add = "+", subtract = "-", multiply = "*", divide = "/", shiftLeft = "<<", shiftRight =
        ">>"
}

/// Where `byte_jump` puts the cursor.
struct ByteJump: Equatable, Sendable {
    var multiplier: Int64 = 1
    var postOffset: Operand = .number(0)
    /// Round up to a multiple of four.
    var aligns = false
    var fromBeginning = false
    var fromEnd = false
}

/// Who talks to whom: what a Suricata header and `flow` say. Empty lists mean any.
struct TrafficFilter: Equatable, Sendable {
    var source = EndpointFilter()
    var destination = EndpointFilter()
    /// Holds with source and destination swapped too.
    var isBothWays = false
    /// A transaction is looked at once for each direction, with the values that this direction has; else once as a whole.
    var isEachWay = false
    /// What rules on packets look at.
    var inspection: PayloadInspection = .packet
    var protocols: [Transport] = []
    var flow: [FlowCondition] = []
    /// How far the direction of a transaction must have come that `flow` names, by what was said in it.
    var progress: Progress?
}

/// What a rule on packets looks at: the packet, for `payload` what its direction of the TCP stream has come to since the
/// last look (Suricata's payload rules look there first), or several of these.
struct PayloadInspection: OptionSet, Hashable, Sendable {
    let rawValue: UInt8

    static let packet = PayloadInspection(rawValue: 1)
    static let stream = PayloadInspection(rawValue: 2)
    /// Rules without payload also hold once for each direction of a TCP connection that ends with something left to look
    /// at, on no packet.
    static let end = PayloadInspection(rawValue: 4)

    /// All of them with their names in rules.
    static let names: [(PayloadInspection, String)] = [
        (.packet, "packet"), (.stream, "stream"), (.end, "end"),
    ]
}

enum FlowCondition: String, CaseIterable, Sendable {
    case established, not_established, stateless, to_server, to_client, from_server, from_client,
        only_stream, no_stream,
        only_frag, no_frag,
        /// The first packet of its direction: rules about who talks to whom say it once for a flow.
        first_packet,
        /// The first packet of its direction with which it is known what the flow speaks, or that nobody knows it.
        protocol_known,
        /// Every packet of its direction from there on.
        protocol_seen,
        /// There is payload that can be looked at, in the packet or due of its stream; there is none.
        with_payload, without_payload
}

/// Addresses and ports of one end, variables already replaced.
struct EndpointFilter: Equatable, Sendable {
    var addresses = AddressSet()
    var ports = PortSet()
}

/// Networks that count, less those that do not. No networks at all: any.
struct AddressSet: Equatable, Sendable {
    var included: [IPNetwork] = []
    var excluded: [IPNetwork] = []
}

/// Port ranges that count, less those that do not. No ranges at all: any.
struct PortSet: Equatable, Sendable {
    var included: [ClosedRange<UInt16>] = []
    var excluded: [ClosedRange<UInt16>] = []
}

enum StateScope: String, CaseIterable, Equatable, Sendable { case flow, src, dst, pair }

/// A named bit of a flow, host or pair of hosts.
struct StateOperation: Equatable, Sendable {
    enum Action: String, CaseIterable, Sendable { case set, isset, isnotset, unset, toggle }
    var action: Action
    /// Several names in `isset`: one of them is enough.
    var names: [String]
    var scope: StateScope = .flow
    /// Seconds until a host or pair bit that is set goes away by itself.
    var expireSeconds: Int64?
    /// It comes from `xbits`, which Suricata orders in another way than `hostbits`: rules that look at a bit come before
    /// those that set it on the same packet.
    var isXbit = false
}

/// A named number of a flow.
struct CounterOperation: Equatable, Sendable {
    enum Action: String, CaseIterable, Sendable {
        case add = "+", subtract = "-", set = "=", less = "<", lessOrEqual = "<=", equal = "==",
            notEqual = "!=",
            greaterOrEqual = ">=", greater = ">", isset, isnotset
    }
    var name: String
    var action: Action
    var value: Operand = .number(0)
}

/// How many alerts become how many.
struct Threshold: Equatable, Sendable {
    enum Kind: String, CaseIterable, Sendable { case limit, threshold, both, backoff }
    enum Track: String, CaseIterable, Sendable { case by_src, by_dst, by_rule, by_both, by_flow }
    enum Port: String, CaseIterable, Sendable { case src_port, dst_port }
    var kind: Kind
    var track: Track
    var count: Int64
    /// 0 for `backoff`, which counts for as long as the flow lasts.
    var seconds: Int64
    /// `backoff`: how many times as many alerts it takes to the next that counts.
    var multiplier: Int64 = 1
    /// Of a detection filter: counts different ports instead of alerts.
    var uniquePort: Port?
}

/// What is said about the alerts of rules outside of them (Suricata's `threshold.config`).
struct AlertLimit: Equatable, Sendable {
    enum Kind: Equatable, Sendable {
        /// How many alerts become how many.
        case threshold(Threshold)
        /// Too many alerts change what the rules do for a while.
        case rate(RateFilter)
        /// No alerts at all, or none of packets whose tracked end is one of some addresses.
        case suppress(SuppressedEnd?, AddressSet)
    }

    enum SuppressedEnd: String, CaseIterable, Sendable { case by_src, by_dst, by_either }

    /// The rules' generator and number; 0 stands for all.
    var generatorID: UInt32
    var signatureID: UInt64
    var kind: Kind
}

extension AlertLimit {
    /// Whether it is about a rule.
    func covers(_ header: RuleHeader) -> Bool {
        (generatorID == 0 || generatorID == header.generatorID)
            && (signatureID == 0 || signatureID == header.signatureID)
    }

    /// Gives a rule the limit, as Suricata does: a threshold for one rule takes the place of what that rule says itself;
    /// one for all, and rate filters, are for rules that say nothing.
    func apply(to rule: inout DetectionRule) {
        let isCounted =
            rule.threshold != nil || rule.detectionFilter != nil || rule.rateFilter != nil
        switch kind {
        case .threshold(let threshold):
            guard signatureID != 0 || !isCounted else { return }
            rule.threshold = threshold
            rule.detectionFilter = nil
            rule.rateFilter = nil
        case .rate(let filter): if !isCounted { rule.rateFilter = filter }
        case .suppress(let end, let addresses):
            rule.suppressions.append(Suppression(end: end, addresses: addresses))
        }
    }
}

/// `suppress`: no alerts of packets one end of which is one of some addresses; without an end, none at all.
struct Suppression: Equatable, Sendable {
    var end: AlertLimit.SuppressedEnd?
    var addresses: AddressSet

    func covers(source: IPAddress, destination: IPAddress) -> Bool {
        switch end {
        case .by_src: addresses.contains(source)
        case .by_dst: addresses.contains(destination)
        case .by_either: addresses.contains(source) || addresses.contains(destination)
        case nil: true
        }
    }
}

extension AddressSet {
    /// Whether an address counts.
    func contains(_ address: IPAddress) -> Bool {
        (included.isEmpty || included.contains { $0.contains(address) })
            && !excluded.contains { $0.contains(address) }
    }
}

/// `rate_filter`: behind `count` alerts within `seconds` the rule does something else for `timeoutSeconds`.
struct RateFilter: Equatable, Sendable {
    var track: Threshold.Track
    var count: Int64
    var seconds: Int64
    var newAction: RuleAction
    var timeoutSeconds: Int64
}
