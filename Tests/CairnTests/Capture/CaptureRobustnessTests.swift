import Testing

@testable import Cairn

/// Whatever is done to a capture, reading ends, gives whole frames before the damage, and does not
/// depend on pieces.
@Suite struct CaptureRobustnessTests {
    @Test(arguments: 0..<4)
    func `mutated captures are read the same in all pieces`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let samples = [
            PcapMaker.sample(frames: 12), PcapNGMaker.sample(packets: 12),
            gzip(PcapMaker.sample(frames: 12)), zstd(PcapNGMaker.sample(packets: 12)),
        ]
        for turn in 0..<160 {
            var bytes = samples[turn % samples.count]
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 1: bytes[place] = .random(in: 0...255, using: &random)
                case 2: bytes[place] = 0xff
                case 3: bytes.removeSubrange(place..<min(place + 5, bytes.count - 1))
                default: bytes.removeSubrange(max(1, place)...)
                }
            }
            let whole = readAll(bytes)
            #expect(readAll(bytes, pieceByteCount: 13 + turn) == whole)
            #expect(whole.frames.allSatisfy { $0.bytes.count <= $0.original })
        }
    }
}
