import Testing

@testable import Cairn

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite struct SilenceClockTests {
    private let second: Int64 = 1_000_000_000

    @Test func `each second of silence moves the clock to a second ago`() {
        var clock = SilenceClock(monotonic: 0)
        func tick(_ realTime: Int64, _ monotonic: Int64) -> Int64? {
            clock.tick(realTime: Timestamp(nanoseconds: realTime), monotonic: monotonic)?
                .nanoseconds
        }
        #expect(tick(100 * second, second - 1) == nil)
        #expect(tick(100 * second, second) == 99 * second)
        #expect(tick(100 * second + 5, second + 5) == nil)
        #expect(tick(101 * second, 2 * second) == 100 * second)
    }

    @Test func `a tick is never behind a frame or another tick`() {
        var clock = SilenceClock(monotonic: 0)
        func tick(_ realTime: Int64, _ monotonic: Int64) -> Int64? {
            clock.tick(realTime: Timestamp(nanoseconds: realTime), monotonic: monotonic)?
                .nanoseconds
        }
        clock.sawFrame(at: Timestamp(nanoseconds: 50 * second), monotonic: 10 * second)
        #expect(tick(50 * second + 3, 10 * second + 3) == nil)
        #expect(tick(51 * second, 11 * second) == nil)
        #expect(tick(52 * second, 12 * second) == 51 * second)
        // The system's clock is set back.
        #expect(tick(40 * second, 13 * second) == nil)
        clock.sawFrame(at: Timestamp(nanoseconds: 45 * second), monotonic: 13 * second)
        #expect(tick(50 * second, 14 * second) == nil)
        #expect(tick(53 * second, 15 * second) == 52 * second)
    }
}

@Suite struct InterfaceTests {
    @Test func `an interface that does not exist is told with those that do`() {
        #expect {
            try LiveCapture(LiveCapture.Options(interface: "no-such-if"))
        } throws: { error in
            guard case .interface("no-such-if", let reason)? = error as? CaptureError else {
                return false
            }
            return reason.contains("no such") && Interfaces.names.allSatisfy(reason.contains)
                || reason.contains("not permitted")
        }
    }

    @Test func `a user that does not exist cannot be taken on`() {
        #expect(
            throws: CaptureError.privileges(
                user: "no-such-user", reason: "there is no such user")
        ) {
            try dropPrivileges(to: "no-such-user")
        }
    }

    @Test func `a stop flag is set once`() {
        let flag = StopFlag()
        #expect(!flag.isSet)
        flag.set()
        #expect(flag.isSet)
    }

    @Test func `an interface that nobody knows joins no packets`() {
        #expect(Interfaces.mergeWarning(for: "no-such-interface-with-a-long-name") == nil)
    }
}

#if os(Linux)
    /// Frames are sent and captured for real, over a pair of interfaces in a network of the test's
    /// own.
    @Suite(.enabled(if: PrivateNetwork.isAvailable, "needs root, network namespaces and ip(8)"))
    struct LiveCaptureTests {
        @Test func `frames are captured as they were sent, until there are enough`() throws {
            let sent = (0..<20).map { index in
                PrivateNetwork.header + pattern(byteCount: 46 + index * 50, from: index)
            }
            let (run, counters) = try PrivateNetwork.run { network in
                var options = LiveCapture.Options(interface: "cairn0")
                options.frameCountMax = 20
                let capture = try LiveCapture(options)
                for frame in sent { network.send(frame) }
                let run = readAll(capture)
                var counters = Counters()
                capture.report(into: &counters)
                return (run, counters)
            }
            #expect(run.error == nil)
            let frames = run.frames.filter { !$0.isTick }
            #expect(frames.map(\.bytes) == sent)
            #expect(frames.map(\.number) == Array(1...20))
            #expect(frames.allSatisfy { $0.linkType == 1 && $0.original == $0.bytes.count })
            #expect(zip(frames, frames.dropFirst()).allSatisfy { $0.nanoseconds <= $1.nanoseconds })
            #expect(counters["capture.frames"] == 20)
            #expect(counters["capture.kernel_packets"] == 20)
            #expect(counters["capture.kernel_drops"] == 0)
        }

        @Test func `filter and snap length are applied`() throws {
            let run = try PrivateNetwork.run { network in
                var options = LiveCapture.Options(
                    interface: "cairn0", filter: "ether proto 0x88b6")
                options.snapLength = 60
                options.frameCountMax = 1
                let capture = try LiveCapture(options)
                network.send(PrivateNetwork.header + [UInt8](repeating: 1, count: 200))
                network.send(
                    PrivateNetwork.header.dropLast() + [0xb6] + [UInt8](repeating: 2, count: 200))
                return readAll(capture)
            }
            let frames = run.frames.filter { !$0.isTick }
            #expect(frames.map(\.bytes.count) == [60])
            #expect(frames.map(\.original) == [214])
            #expect(throws: CaptureError.self) {
                try PrivateNetwork.run { _ in
                    try LiveCapture(LiveCapture.Options(interface: "cairn0", filter: "udp prot 1"))
                }
            }
        }

        @Test func `what is written while it is seen is read the same, ticks included`() throws {
            let folder = TemporaryFolder()
            let path = "\(folder.path)/live.pcapng"
            let stop = StopFlag()
            let seen = try PrivateNetwork.run { network in
                let capture = try LiveCapture(
                    LiveCapture.Options(interface: "cairn0"), stop: stop)
                let writer = try CaptureWriter(path: path, sourceNames: capture.sourceNames)
                let batch = FrameBatch()
                var seen: [SeenFrame] = []
                network.send(PrivateNetwork.header + [1])
                while try capture.fill(batch) {
                    seen += batch.frames.map(SeenFrame.init)
                    try writer.write(batch)
                    if batch.frames.first?.isTick == true {
                        if seen.last?.number == 2 { stop.set() }
                        network.send(PrivateNetwork.header + [2])
                    }
                }
                try writer.flush()
                return seen
            }
            #expect(seen.map(\.isTick) == [false, true, false, true])
            #expect(seen.map(\.number) == [1, 1, 2, 2])
            #expect(readAll(try openCaptures([path]) { _ in }) == SeenRun(frames: seen))
        }

        @Test func `an interface that is down, or goes, is told`() throws {
            let down = try PrivateNetwork.run { network in
                network.command("ip link set cairn0 down")
                do throws(CaptureError) {
                    let capture = try LiveCapture(LiveCapture.Options(interface: "cairn0"))
                    return readAll(capture).error
                } catch {
                    return error
                }
            }
            let gone = try PrivateNetwork.run { network in
                let capture = try LiveCapture(LiveCapture.Options(interface: "cairn0"))
                network.command("ip link delete cairn0")
                return readAll(capture).error
            }
            for error in [down, gone] {
                guard case .interface("cairn0", let reason)? = error else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
                #expect(!reason.isEmpty)
            }
        }

        @Test func `joining of packets is warned of by its names`() throws {
            let warnings = try PrivateNetwork.run { network in
                network.command("ethtool -K cairn0 gro on gso on tso on")
                return Interfaces.mergeWarning(for: "cairn0")
            }
            // Whether a driver lets it be switched on is its own affair; the loopback always has
            // some.
            let warning = warnings ?? Interfaces.mergeWarning(for: "lo")
            #expect(warning?.contains("ethtool -K") == true)
        }
    }

    /// A thread with a network of its own: interfaces `cairn0` and `cairn1` are two ends of one
    /// cable, and nothing else is there.
    struct PrivateNetwork {
        /// To everybody, from nobody, of a type for experiments (IEEE 802 §9.2.3).
        static let header: [UInt8] =
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]

        static let isAvailable: Bool = {
            guard getuid() == 0 else { return false }
            return (try? run { $0.interfaceIndex != 0 }) == true
        }()

        var interfaceIndex: UInt32 { if_nametoindex("cairn1") }

        /// Runs a shell command within the network.
        @discardableResult func command(_ text: String) -> Bool {
            system("(\(text)) >/dev/null 2>&1") == 0
        }

        /// Sends a frame from the far end.
        func send(_ frame: [UInt8]) {
            let descriptor = socket(AF_PACKET, Int32(SOCK_RAW.rawValue), 0)
            defer { close(descriptor) }
            // struct sockaddr_ll: family, protocol, index.
            var address = [UInt8](repeating: 0, count: 20)
            withUnsafeBytes(of: UInt16(AF_PACKET)) { address.replaceSubrange(0..<2, with: $0) }
            withUnsafeBytes(of: interfaceIndex) { address.replaceSubrange(4..<8, with: $0) }
            address.withUnsafeBytes { address in
                _ = sendto(
                    descriptor, frame, frame.count, 0,
                    address.baseAddress?.assumingMemoryBound(to: sockaddr.self), 20)
            }
        }

        private final class Job<Value> {
            let body: (PrivateNetwork) throws -> Value
            var result: Result<Value, any Error>?
            init(_ body: @escaping (PrivateNetwork) throws -> Value) { self.body = body }
        }

        private struct Unavailable: Error {}

        static func run<Value>(_ body: @escaping (PrivateNetwork) throws -> Value) throws -> Value {
            let job = Job<Value> { network in
                guard leaveNetwork(),
                    network.command(
                        """
                        echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
                        ip link add name cairn0 type veth peer name cairn1 &&
                        ip link set cairn0 up && ip link set cairn1 up
                        """)
                else { throw Unavailable() }
                return try body(network)
            }
            try onThread { job.result = Result { try job.body(PrivateNetwork()) } }
            return try job.result?.get() ?? { throw Unavailable() }()
        }

        /// Gives the thread an empty network, by unshare(2), which the C module hides.
        private static func leaveNetwork() -> Bool {
            guard let symbol = dlsym(nil, "unshare") else { return false }
            typealias Unshare = @convention(c) (CInt) -> CInt
            return unsafeBitCast(symbol, to: Unshare.self)(0x4000_0000) == 0  // CLONE_NEWNET
        }

        /// A thread of its own, since the network of a thread cannot be given back.
        private static func onThread(_ body: @escaping () -> Void) throws {
            final class Box {
                let body: () -> Void
                init(_ body: @escaping () -> Void) { self.body = body }
            }
            var thread = pthread_t()
            let argument = Unmanaged.passRetained(Box(body)).toOpaque()
            let status = pthread_create(
                &thread, nil,
                { argument in
                    guard let argument else { return nil }
                    Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
                    return nil
                }, argument)
            guard status == 0 else { throw Unavailable() }
            pthread_join(thread, nil)
        }
    }
#endif
