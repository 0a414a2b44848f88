import CPcap

/// A filter expression of pcap-filter(7), compiled once for each link type that turns up.
///
/// Where the expression has no meaning for a link type (`ether host` for raw IP), none of its
/// frames pass; they are counted apart. Used by one thread.
final class PacketFilter {
    private let expression: String
    private var programs: [Program] = []
    private var rejectedCount: UInt64 = 0
    private var inapplicableCount: UInt64 = 0

    /// Link types that are told apart; frames of any more, which only a forged capture has, do not
    /// pass.
    static let linkTypeCountMax = 256

    private struct Program {
        var linkType: LinkType
        /// Nil where the expression does not compile.
        var code: UnsafeMutablePointer<bpf_program>?
    }

    /// Compiles the expression to see that it is one.
    ///
    /// - Throws: `badFilter` if it compiles for none of Ethernet, raw IP and 802.11.
    init(_ expression: String) throws(CaptureError) {
        self.expression = expression
        let common: [LinkType] = [.ethernet, .raw, .ieee80211]
        programs = common.map { Program(linkType: $0, code: Self.compile(expression, for: $0)) }
        if programs.allSatisfy({ $0.code == nil }) {
            throw .badFilter(expression: expression, reason: Self.reason(expression))
        }
    }

    deinit {
        for case let code? in programs.map(\.code) {
            pcap_freecode(code)
            code.deallocate()
        }
    }

    /// Removes the frames that do not pass. Ticks are no packets and always do.
    func apply(to frames: inout [Frame]) {
        frames.removeAll { !$0.isTick && !accepts($0) }
    }

    /// Adds how many frames did not pass.
    func report(into counters: inout Counters) {
        counters.add("capture.filtered", rejectedCount)
        counters.add("capture.filter_inapplicable", inapplicableCount)
    }

    private func accepts(_ frame: Frame) -> Bool {
        guard let code = program(for: frame.linkType) else {
            inapplicableCount &+= 1
            return false
        }
        let bytes = frame.bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        let captured = UInt32(truncatingIfNeeded: frame.bytes.count)
        let passes =
            bpf_filter(code.pointee.bf_insns, bytes, frame.originalByteCount, captured) != 0
        if !passes { rejectedCount &+= 1 }
        return passes
    }

    private func program(for linkType: LinkType) -> UnsafeMutablePointer<bpf_program>? {
        for program in programs where program.linkType == linkType { return program.code }
        guard programs.count < Self.linkTypeCountMax else { return nil }
        let code = Self.compile(expression, for: linkType)
        programs.append(Program(linkType: linkType, code: code))
        return code
    }

    private static func compile(
        _ expression: String, for linkType: LinkType
    ) -> UnsafeMutablePointer<bpf_program>? {
        guard let handle = open(linkType) else { return nil }
        defer { pcap_close(handle) }
        let code = UnsafeMutablePointer<bpf_program>.allocate(capacity: 1)
        code.initialize(to: bpf_program())
        if pcap_compile(handle, code, expression, 1, bpf_u_int32.max) == 0 { return code }
        code.deallocate()
        return nil
    }

    /// Why an expression does not compile for Ethernet.
    private static func reason(_ expression: String) -> String {
        guard let handle = open(.ethernet) else { return "out of memory" }
        defer { pcap_close(handle) }
        var code = bpf_program()
        if pcap_compile(handle, &code, expression, 1, bpf_u_int32.max) == 0 {
            pcap_freecode(&code)
        }
        return String(cString: pcap_geterr(handle))
    }

    private static func open(_ linkType: LinkType) -> OpaquePointer? {
        pcap_open_dead(linkType.dataLink, CInt(RecordLimit.capturedByteCountMax))
    }
}

extension LinkType {
    /// libpcap's DLT number: the registry's, but for raw IP, whose DLT differs from system to
    /// system.
    var dataLink: CInt {
        self == .raw ? CInt(DLT_RAW) : CInt(truncatingIfNeeded: rawValue)
    }

    /// The registry's name without `LINKTYPE_`, if libpcap knows one: `USB_LINUX_MMAPPED`.
    var name: String? {
        pcap_datalink_val_to_name(dataLink).map { String(cString: $0) }
    }

    /// The link type of libpcap's DLT number.
    init(dataLink: CInt) {
        self = dataLink == CInt(DLT_RAW) ? .raw : LinkType(rawValue: UInt32(bitPattern: dataLink))
    }
}
