import CPcap
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Asks a live capture to end. It may be set from any thread, and from a signal handler.
public final class StopFlag: Sendable {
    private let flag = Atomic<Bool>(false)

    /// A flag that is not set.
    public init() {}

    /// Ends the capture within a tenth of a second.
    public func set() { flag.store(true, ordering: .relaxed) }

    /// Whether it was set.
    public var isSet: Bool { flag.load(ordering: .relaxed) }
}

/// Frames of a network interface, through libpcap, with the kernel's stamps in nanoseconds.
///
/// In silence the clock ticks once a second: a frame without bytes whose stamp is the kernel's
/// clock minus a margin, so that what is still under way is not overtaken.
public final class LiveCapture: FrameSource {
    /// What is captured, and how.
    public struct Options: Sendable {
        /// The interface, or `any` (Linux).
        public var interface: String
        /// An expression of pcap-filter(7), applied by the kernel.
        public var filter: String?
        /// Bytes of a frame that are captured, at most 256 KiB.
        public var snapLength = 256 << 10
        /// The kernel's memory for frames that wait to be read.
        public var bufferByteCount = 64 << 20
        /// Whether frames to other hosts are wanted.
        public var isPromiscuous = true
        /// Frames after which the capture ends; nil for no end.
        public var frameCountMax: UInt64?

        /// Everything on an interface.
        public init(interface: String, filter: String? = nil) {
            self.interface = interface
            self.filter = filter
        }
    }

    let sourceNames: [String]
    private let options: Options
    private let stop: StopFlag
    private let handle: OpaquePointer
    private let linkType: LinkType
    private let snapLength: Int
    private let nanosecondsPerTick: Int64
    private var silence: SilenceClock
    private var losses = KernelLosses()
    private var lastStatistics = pcap_stat()
    private var counts = FrameCounts()
    /// Bytes of the frames so far.
    private var byteCount: UInt64 = 0
    /// Whether the last batch was filled up, so that more is there without waiting.
    private var hasMore = false
    private var failure: CaptureError?

    /// Milliseconds that `fill` waits for a frame.
    private static let waitMilliseconds: CInt = 100
    /// Milliseconds that the kernel may hold frames back, to hand over several at once.
    private static let gatherMilliseconds: CInt = 50

    /// Opens the interface.
    ///
    /// - Parameter stop: ends the capture; the frames that the kernel still holds are left to it.
    /// - Throws: `interface`, with what could be done about it; `badFilter`.
    public init(_ options: Options, stop: StopFlag = StopFlag()) throws(CaptureError) {
        let snapLength = min(max(options.snapLength, 1), RecordLimit.capturedByteCountMax)
        self.options = options
        self.stop = stop
        self.snapLength = snapLength
        handle = try Self.open(options, snapLength: snapLength)
        sourceNames = [options.interface]
        linkType = LinkType(dataLink: pcap_datalink(handle))
        nanosecondsPerTick =
            pcap_get_tstamp_precision(handle) == PCAP_TSTAMP_PRECISION_NANO ? 1 : 1_000
        silence = SilenceClock(monotonic: systemTime(CLOCK_MONOTONIC))
    }

    deinit { pcap_close(handle) }

    /// Fills the batch with the frames that are there, or that come within a tenth of a second; in
    /// silence it may stay empty.
    ///
    /// - Returns: false after `stop` or the wanted number of frames.
    /// - Throws: `interface` if it has gone.
    func fill(_ batch: FrameBatch) throws(CaptureError) -> Bool {
        batch.removeAll()
        if let failure { throw failure }
        guard !stop.isSet, !hasEnough else { return false }
        batch.grow(to: FrameBatch.defaultByteCapacity, keeping: 0)
        if !hasMore { wait() }
        drain(batch)
        let now = systemTime(CLOCK_MONOTONIC)
        if let latest = batch.frames.lazy.map(\.timestamp).max() {
            silence.sawFrame(at: latest, monotonic: now)
        } else {
            if let failure { throw failure }
            let realTime = Timestamp(nanoseconds: systemTime(CLOCK_REALTIME))
            if let time = silence.tick(realTime: realTime, monotonic: now) {
                updateLosses()
                batch.frames.append(
                    Frame(
                        number: 0, timestamp: time, linkType: linkType, source: 0,
                        originalByteCount: 0, bytes: UnsafeRawBufferPointer(start: nil, count: 0),
                        isTick: true))
            }
        }
        counts.number(&batch.frames)
        return true
    }

    func report(into counters: inout Counters) {
        updateLosses()
        counts.report(into: &counters)
        counters.add("capture.bytes", byteCount)
        counters.add("capture.kernel_packets", losses.received)
        counters.add("capture.kernel_drops", losses.droppedBySystem)
        counters.add("capture.kernel_ifdrops", losses.droppedByInterface)
    }

    /// What the kernel has lost until now, to be written with the frames.
    var kernelLosses: KernelLosses {
        updateLosses()
        return losses
    }

    private var hasEnough: Bool {
        options.frameCountMax.map { counts.frames >= $0 } ?? false
    }

    private func wait() {
        let descriptor = pcap_get_selectable_fd(handle)
        guard descriptor >= 0 else {
            usleep(UInt32(Self.gatherMilliseconds) * 1_000)
            return
        }
        var query = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        poll(&query, 1, Self.waitMilliseconds)
    }

    /// Copies what the kernel has into the batch, until that is full.
    private func drain(_ batch: FrameBatch) {
        var used = 0
        var rest = options.frameCountMax.map { $0 - counts.frames } ?? .max
        hasMore = false
        while rest > 0 {
            guard batch.frames.count < FrameBatch.frameCountMax,
                batch.storage.count - used >= snapLength
            else {
                hasMore = true
                return
            }
            var header: UnsafeMutablePointer<pcap_pkthdr>?
            var data: UnsafePointer<UInt8>?
            let status = pcap_next_ex(handle, &header, &data)
            guard status == 1, let header, let data else {
                // 0: nothing is there for now.
                if status < 0 { failure = lost() }
                return
            }
            let byteCount = min(Int(header.pointee.caplen), snapLength)
            let copy = UnsafeMutableRawBufferPointer(
                rebasing: batch.storage[used..<used + byteCount])
            copy.copyMemory(from: UnsafeRawBufferPointer(start: data, count: byteCount))
            batch.frames.append(frame(header.pointee, UnsafeRawBufferPointer(copy)))
            used += byteCount
            self.byteCount &+= UInt64(byteCount)
            rest -= 1
        }
    }

    private func frame(_ header: pcap_pkthdr, _ bytes: UnsafeRawBufferPointer) -> Frame {
        let nanoseconds =
            Int64(header.ts.tv_sec) &* nanosecondsPerSecond
            &+ Int64(header.ts.tv_usec) &* nanosecondsPerTick
        return Frame(
            number: 0, timestamp: Timestamp(nanoseconds: nanoseconds), linkType: linkType,
            source: 0, originalByteCount: max(header.len, UInt32(clamping: bytes.count)),
            bytes: bytes)
    }

    private func lost() -> CaptureError {
        .interface(name: options.interface, reason: String(cString: pcap_geterr(handle)))
    }

    /// Adds what has come since the last time; the kernel's counts have 32 bits and start again.
    private func updateLosses() {
        var statistics = pcap_stat()
        guard pcap_stats(handle, &statistics) == 0 else { return }
        losses.received &+= UInt64(statistics.ps_recv &- lastStatistics.ps_recv)
        losses.droppedBySystem &+= UInt64(statistics.ps_drop &- lastStatistics.ps_drop)
        losses.droppedByInterface &+= UInt64(statistics.ps_ifdrop &- lastStatistics.ps_ifdrop)
        lastStatistics = statistics
    }
}

// MARK: - Opening

extension LiveCapture {
    private static func open(
        _ options: Options, snapLength: Int
    ) throws(CaptureError) -> OpaquePointer {
        let name = options.interface
        var message = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
        guard let handle = pcap_create(name, &message) else {
            throw .interface(name: name, reason: text(message))
        }
        pcap_set_snaplen(handle, CInt(snapLength))
        pcap_set_promisc(handle, options.isPromiscuous ? 1 : 0)
        pcap_set_timeout(handle, gatherMilliseconds)
        pcap_set_buffer_size(handle, CInt(clamping: options.bufferByteCount))
        // Where the system has no nanoseconds, microseconds stay.
        pcap_set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_NANO)
        let status = pcap_activate(handle)
        guard status >= 0 else {
            let reason = reason(status, handle, name)
            pcap_close(handle)
            throw .interface(name: name, reason: reason)
        }
        do throws(CaptureError) {
            if let filter = options.filter { try setFilter(filter, handle) }
            guard pcap_setnonblock(handle, 1, &message) == 0 else {
                throw .interface(name: name, reason: text(message))
            }
        } catch {
            pcap_close(handle)
            throw error
        }
        return handle
    }

    private static func setFilter(
        _ expression: String, _ handle: OpaquePointer
    ) throws(CaptureError) {
        var code = bpf_program()
        var isSet = pcap_compile(handle, &code, expression, 1, bpf_u_int32.max) == 0
        if isSet {
            isSet = pcap_setfilter(handle, &code) == 0
            pcap_freecode(&code)
        }
        if !isSet {
            throw .badFilter(expression: expression, reason: String(cString: pcap_geterr(handle)))
        }
    }

    /// Why an interface cannot be opened, and what helps.
    private static func reason(_ status: CInt, _ handle: OpaquePointer, _ name: String) -> String {
        let names = Interfaces.names
        switch status {
        case PCAP_ERROR_NO_SUCH_DEVICE:
            var reason = "there is no such interface"
            if let near = nearest(to: name, among: names) { reason += "; did you mean \(near)?" }
            return reason + "; there are: \(names.joined(separator: ", "))"
        case PCAP_ERROR_PERM_DENIED, PCAP_ERROR_PROMISC_PERM_DENIED:
            return "capturing is not permitted; run it as root, or give the program the right "
                + "with 'setcap cap_net_raw,cap_net_admin=eip PROGRAM'"
        case PCAP_ERROR_IFACE_NOT_UP:
            return "the interface is down; 'ip link set \(name) up' brings it up"
        default:
            let detail = String(cString: pcap_geterr(handle))
            return detail.isEmpty ? String(cString: pcap_statustostr(status)) : detail
        }
    }

    private static func text(_ message: [CChar]) -> String {
        String(decoding: message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// When the clock of a live capture ticks: each second of silence, a margin behind the kernel's
/// clock, never back.
struct SilenceClock {
    /// Monotonic nanoseconds of the last frame or tick.
    private var quietSince: Int64
    /// The latest stamp that was delivered.
    private var latest: Timestamp?

    /// How far a tick stays behind, for frames that are on their way through the kernel.
    static let marginNanoseconds = nanosecondsPerSecond

    init(monotonic: Int64) { quietSince = monotonic }

    mutating func sawFrame(at time: Timestamp, monotonic: Int64) {
        quietSince = monotonic
        latest = max(latest ?? time, time)
    }

    /// The stamp of a tick, if one is due.
    mutating func tick(realTime: Timestamp, monotonic: Int64) -> Timestamp? {
        guard monotonic - quietSince >= nanosecondsPerSecond else { return nil }
        quietSince = monotonic
        let time = realTime.adding(nanoseconds: -Self.marginNanoseconds)
        if let latest, time <= latest { return nil }
        latest = time
        return time
    }
}

/// Nanoseconds of one of the system's clocks.
private func systemTime(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) &* nanosecondsPerSecond &+ Int64(time.tv_nsec)
}
