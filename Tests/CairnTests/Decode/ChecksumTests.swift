import Testing

@testable import Cairn

@Suite struct ChecksumTests {
    @Test func `the example of RFC 1071 gives its sum`() {
        let bytes = hex("0001 f203 f4f5 f6f7")
        #expect(InternetChecksum.fold(InternetChecksum.sum(bytes.span.bytes)).bigEndian == 0xddf2)
    }

    @Test func `runs of every length give the sum of their words`() {
        var generator = SeededGenerator(seed: 1)
        for count in 0..<200 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let sum = InternetChecksum.fold(InternetChecksum.sum(bytes.span.bytes)).bigEndian
            #expect(sum == Wire.sum(bytes), "\(count) bytes")
        }
    }

    @Test func `long runs of ones do not overflow`() {
        let bytes = [UInt8](repeating: 0xff, count: 1 << 20)
        #expect(InternetChecksum.fold(InternetChecksum.sum(bytes.span.bytes)) == 0xffff)
    }

    static let right = Wire.udpFrame
    static let wrong: [UInt8] = {
        var frame = Wire.udpFrame
        frame[frame.count - 1] ^= 1
        return frame
    }()

    /// Decodes frames of one source of which one in `badEvery` is wrong.
    private func decode(
        _ count: Int, badEvery: Int, source: UInt32 = 0, on bench: DecodeBench
    ) -> [Packet] {
        (1...count).map { index in
            bench.decode(index % badEvery == 0 ? Self.wrong : Self.right, source: source)[0]
        }
    }

    @Test func `all flags every wrong checksum`() {
        let bench = DecodeBench(.all)
        let packets = decode(3000, badEvery: 2, on: bench)
        #expect(packets.count { $0.isChecksumBad } == 1500)
        #expect(bench.counters["decoder.bad_checksum.udp"] == 1500)
        #expect(bench.checksumOffloads.isEmpty)
    }

    @Test func `none looks at no checksum`() {
        let bench = DecodeBench(.none)
        let packets = decode(10, badEvery: 2, on: bench)
        #expect(
            packets.allSatisfy {
                $0.flags == [.ignoreChecksums, .unverified] && !$0.isChecksumBad
            })
    }

    @Test func `auto does not judge frames that no cable carries`() {
        var frame = Wire.ethernet(
            0x0800, Wire.ipv4(17, Wire.udp([UInt8](repeating: 1, count: 3000))))
        frame[frame.count - 1] ^= 1
        let bench = DecodeBench(.auto)
        #expect(!bench.decode(frame)[0].isChecksumBad)
        #expect(bench.counters["decoder.checksum_merged"] == 1)
        #expect(DecodeBench(.all).decode(frame)[0].isChecksumBad)
    }

    @Test func `auto gives up on a source with more than a tenth of them wrong, from then on`() {
        let bench = DecodeBench(.auto)
        let packets = decode(3000, badEvery: 9, on: bench)
        #expect(packets[..<1000].count { $0.isChecksumBad } == 111)
        #expect(packets[1000...].allSatisfy { $0.flags == [.ignoreChecksums] })
        #expect(
            bench.checksumOffloads
                == [ChecksumOffload(source: 0, badCount: 111, firstFrameNumber: 1001)])
        #expect(
            bench.checksumOffloads[0].text(sourceName: "a.pcap")
                == "source a.pcap: 111 of 1000 checksums are wrong, a sign of checksum offload; "
                + "wrong checksums are ignored from frame 1001")
    }

    @Test func `auto goes on verifying a source with a tenth of them wrong`() {
        let bench = DecodeBench(.auto)
        let packets = decode(3000, badEvery: 10, on: bench)
        #expect(packets.count { $0.isChecksumBad } == 300)
        #expect(bench.checksumOffloads.isEmpty)
    }

    @Test func `sources are judged each by itself`() {
        let bench = DecodeBench(.auto)
        for _ in 0..<1000 {
            _ = bench.decode(Self.wrong, source: 3)
            _ = bench.decode(Self.right, source: 1)
        }
        #expect(bench.checksumOffloads.map(\.source) == [3])
        #expect(bench.checksumOffloads[0].firstFrameNumber == 2000)
        #expect(!bench.decode(Self.wrong, source: 3)[0].isChecksumBad)
        #expect(bench.decode(Self.wrong, source: 1)[0].isChecksumBad)
        #expect(!bench.decode(Self.wrong, source: 3)[0].isChecksumBad)
    }

    @Test func `packets without a checksum are not part of the trial`() {
        let bench = DecodeBench(.auto)
        for _ in 0..<2000 { _ = bench.decode(Wire.ethernet(0x88cc, [])) }
        #expect(decode(1000, badEvery: 2, on: bench).count { $0.isChecksumBad } == 500)
        #expect(bench.checksumOffloads.count == 1)
    }

    @Test func `cut packets and fragments are not verified`() {
        let frame = Wire.ethernet(0x0800, Wire.ipv4(17, Wire.udp(Array(repeating: 1, count: 100))))
        let cut = DecodeBench().decode(Array(frame.prefix(60)), wireByteCount: frame.count)[0]
        #expect(cut.flags == [.truncated])
        let part = DecodeBench().decode(
            Wire.ethernet(0x0800, Wire.ipv4(17, Wire.udp() + hex("00"), fragment: 0x2001)))[0]
        #expect(part.flags == [.fragment])
    }
}
