import CPcap
import Testing

@testable import Cairn

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite struct CaptureWriterTests {
    /// Writes frames with their bytes in an array of their own.
    private func write(
        _ frames: [SeenFrame], to path: String, names: [String] = ["eth0", "eth1"],
        losses: KernelLosses? = nil
    ) throws {
        let writer = try CaptureWriter(path: path, sourceNames: names)
        for seen in frames {
            try seen.bytes.withUnsafeBytes { bytes in
                try writer.write(seen.frame(bytes))
            }
        }
        if let losses { try writer.finish(losses) } else { try writer.flush() }
    }

    private func tick(_ number: UInt64, at nanoseconds: Int64) -> SeenFrame {
        var frame = SeenFrame(number, at: nanoseconds, [])
        frame.isTick = true
        return frame
    }

    private var frames: [SeenFrame] {
        var frames = [tick(0, at: 1_700_000_000_000_000_000)]
        for number in 1...200 {
            let time = 1_700_000_000_000_000_001 + Int64(number) * 999_999_999
            frames.append(
                SeenFrame(
                    UInt64(number), at: time, pattern(byteCount: number * 31 % 1_400, from: number),
                    original: 1_500))
            if number % 50 == 49 { frames.append(tick(UInt64(number), at: time + 1_000_000_000)) }
        }
        return frames
    }

    @Test func `frames and ticks that were written are read again as they were`() throws {
        let folder = TemporaryFolder()
        let path = "\(folder.path)/x.pcapng"
        try write(frames, to: path)
        let source = try openCaptures([path]) { _ in }
        #expect(readAll(source) == SeenRun(frames: frames))
        var counters = Counters()
        source.report(into: &counters)
        #expect(counters["capture.ticks"] == 5)
        #expect(counters["capture.blocks_skipped"] == 0)
    }

    @Test func `several sources and link types are kept apart`() throws {
        let folder = TemporaryFolder()
        let path = "\(folder.path)/x.pcapng"
        let frames = [
            SeenFrame(1, at: 1, [1], linkType: 1, source: 0),
            SeenFrame(2, at: 2, [2], linkType: 101, source: 0),
            SeenFrame(3, at: 3, [], linkType: 1, source: 1),
            SeenFrame(4, at: 4, [4], linkType: 1, source: 7),
            SeenFrame(5, at: 5, [5], linkType: 1, source: 0),
        ]
        try write(frames, to: path)
        let run = readAll(try openCaptures([path]) { _ in })
        #expect(run.frames.map(\.linkType) == [1, 101, 1, 1, 1])
        #expect(run.frames.map(\.bytes) == frames.map(\.bytes))
        let bytes = folder.read("x.pcapng")
        #expect(bytes.indices.filter { bytes[$0...].starts(with: Array("eth1".utf8)) }.count == 1)
    }

    @Test func `libpcap reads the packets and passes over the ticks`() throws {
        let folder = TemporaryFolder()
        let path = "\(folder.path)/x.pcapng"
        try write(frames, to: path)
        var message = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
        let handle = try #require(
            pcap_open_offline_with_tstamp_precision(
                path, u_int(PCAP_TSTAMP_PRECISION_NANO), &message))
        defer { pcap_close(handle) }
        var seen: [SeenFrame] = []
        var header: UnsafeMutablePointer<pcap_pkthdr>?
        var data: UnsafePointer<UInt8>?
        while pcap_next_ex(handle, &header, &data) == 1, let found = header?.pointee {
            let bytes = Array(UnsafeBufferPointer(start: data, count: Int(found.caplen)))
            let time = Int64(found.ts.tv_sec) * 1_000_000_000 + Int64(found.ts.tv_usec)
            seen.append(
                SeenFrame(UInt64(seen.count + 1), at: time, bytes, original: found.len))
        }
        #expect(seen == frames.filter { !$0.isTick })
    }

    @Test func `what the kernel lost is known where the file is read`() throws {
        let folder = TemporaryFolder()
        let path = "\(folder.path)/x.pcapng"
        try write(
            [SeenFrame(1, at: 1, [1])], to: path,
            losses: KernelLosses(received: 1_000, droppedBySystem: 5, droppedByInterface: 3))
        let source = try openCaptures([path]) { _ in }
        #expect(readAll(source).frames.count == 1)
        var counters = Counters()
        source.report(into: &counters)
        #expect(counters["capture.kernel_drops"] == 5)
        #expect(counters["capture.kernel_ifdrops"] == 3)
    }

    @Test func `what nobody flushed is written when the writer goes`() throws {
        let folder = TemporaryFolder()
        let path = "\(folder.path)/x.pcapng"
        do {
            let writer = try CaptureWriter(path: path, sourceNames: ["eth0"])
            try writer.finish(KernelLosses())
            for frame in frames {
                try frame.bytes.withUnsafeBytes { try writer.write(frame.frame($0)) }
            }
        }
        #expect(readAll(try openCaptures([path]) { _ in }) == SeenRun(frames: frames))
    }

    @Test func `stamps before 1970 and bytes beyond every snap length are brought into bounds`()
        throws
    {
        let folder = TemporaryFolder()
        let path = "\(folder.path)/x.pcapng"
        let long = [UInt8](repeating: 1, count: 300_000)
        try write([SeenFrame(1, at: -5, long)], to: path)
        #expect(
            readAll(try openCaptures([path]) { _ in }).frames
                == [SeenFrame(1, at: 0, Array(long.prefix(262_144)), original: 300_000)])
    }

    @Test func `a file that cannot be written tells the system's reason`() throws {
        let folder = TemporaryFolder()
        let path = "\(folder.path)/none/x.pcapng"
        #expect(throws: CaptureError.unwritable(path: path, reason: "No such file or directory")) {
            try CaptureWriter(path: path, sourceNames: [])
        }
        #expect(throws: CaptureError.unwritable(path: "x", reason: "pcapng has no link type 65536"))
        {
            let writer = try CaptureWriter(path: "/dev/null", sourceNames: [])
            do throws(CaptureError) {
                try writer.write(
                    Frame(
                        number: 1, timestamp: .epoch, linkType: LinkType(rawValue: 65_536),
                        source: 0, originalByteCount: 0,
                        bytes: UnsafeRawBufferPointer(start: nil, count: 0)))
            } catch .unwritable(_, let reason) {
                throw CaptureError.unwritable(path: "x", reason: reason)
            }
        }
    }

    #if os(Linux)
        @Test func `a full disk is told by every call from then on`() throws {
            let full = CaptureError.unwritable(
                path: "/dev/full", reason: "No space left on device")
            let writer = try CaptureWriter(path: "/dev/full", sourceNames: [])
            for _ in 0..<2 {
                #expect(throws: full) { try writer.flush() }
            }
        }

        @Test func `a pipe that nobody reads is told`() throws {
            signal(SIGPIPE, SIG_IGN)
            var ends: [CInt] = [0, 0]
            try #require(pipe(&ends) == 0)
            let path = "/dev/fd/\(ends[1])"
            let writer = try CaptureWriter(path: path, sourceNames: [])
            close(ends[0])
            close(ends[1])
            #expect(throws: CaptureError.unwritable(path: path, reason: "Broken pipe")) {
                try writer.flush()
            }
        }
    #endif

    @Test func `a cut behind any byte leaves whole blocks`() {
        var blocks = PcapNGBlocks()
        var ends = [0]
        blocks.addSection(application: "cairn")
        ends.append(blocks.bytes.count)
        blocks.addInterface(linkType: 1, name: "lo")
        ends.append(blocks.bytes.count)
        blocks.addStatistics(interface: 0, .epoch, comment: "five!")
        ends.append(blocks.bytes.count)
        for count in 0...blocks.bytes.count {
            #expect(blocks.wholeBlocks(in: count) == ends.last { $0 <= count })
        }
    }
}
