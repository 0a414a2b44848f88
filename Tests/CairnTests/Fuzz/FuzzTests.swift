import Foundation
import Testing

@testable import Cairn

/// The targets of `make fuzz` on what was kept in Tests/Fuzz: seeds, and inputs that once broke
/// something.
@Suite struct FuzzTests {
    private struct Kept {
        let name: String
        let bytes: [UInt8]
    }

    private static func kept(_ target: FuzzTarget) throws -> [Kept] {
        try ["Seeds", "Cases"].flatMap { kind -> [Kept] in
            let folder = repository.appending(path: "Tests/Fuzz/\(kind)/\(target.rawValue)")
            guard FileManager.default.fileExists(atPath: folder.path) else { return [] }
            return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map {
                Kept(name: $0, bytes: [UInt8](try Data(contentsOf: folder.appending(path: $0))))
            }
        }
    }

    @Test(arguments: FuzzTarget.allCases)
    func `kept inputs do no harm`(target: FuzzTarget) throws {
        let inputs = try Self.kept(target)
        #expect(!inputs.isEmpty)
        for input in inputs { #expect(target.run(input.bytes) == nil, "\(input.name)") }
    }

    @Test(arguments: FuzzTarget.allCases)
    func `what becomes of kept inputs by chance does no harm`(target: FuzzTarget) throws {
        let inputs = try Self.kept(target)
        var numbers = SeededNumbers(seed: 1)
        for _ in 0..<target.turnCount {
            let input = try #require(inputs.randomElement(using: &numbers))
            var bytes = input.bytes.mutated(&numbers)
            if Bool.random(using: &numbers), let other = inputs.randomElement(using: &numbers) {
                let place = Int.random(in: 0...bytes.count, using: &numbers)
                bytes.insert(contentsOf: other.bytes.slice(&numbers), at: place)
            }
            let problem = target.run(bytes)
            #expect(problem == nil, "\(input.name) as \(Data(bytes).base64EncodedString())")
        }
    }

    @Test func `the rules of the engine's target are fine`() {
        #expect(FuzzedEngine.mistakes == [])
        #expect(FuzzedState.mistakes == [])
    }

    /// Of another format they would be refused at once, and nothing would be searched.
    @Test func `the seeds of states are of the present format`() throws {
        let folder = repository.appending(path: "Tests/Fuzz/Seeds/state")
        for (number, seed) in FuzzedState.seeds.enumerated() {
            let url = folder.appending(path: "\(number)")
            if ProcessInfo.processInfo.environment["CAIRN_RECORD_SEEDS"] != nil {
                try Data(seed).write(to: url)
            }
            #expect(
                try Data(contentsOf: url) == Data(seed),
                "record them again: CAIRN_RECORD_SEEDS=1 swift test --filter FuzzTests")
        }
    }

    @Test func `a script says who sends what in which pieces`() {
        let script = FuzzScript(
            [9, 2, 0] + Array("_abcde".utf8) + hex("f73c 78 f72d03 f72e f73e f7f7"))
        #expect(script.choices == 9)
        #expect(
            script.steps == [
                .data(Array("abcde".utf8), isFromClient: true),
                .data(Array("x".utf8), isFromClient: false),
                .gap(9, isFromClient: false), .end(isFromClient: false),
                .data([0xf7, 0xf7], isFromClient: true),
            ])
        #expect(
            script.inPieces.prefix(3) == [
                .data(Array("ab".utf8), isFromClient: true),
                .data(Array("cde".utf8), isFromClient: true),
                .data(Array("x".utf8), isFromClient: false),
            ])
    }
}

extension FuzzTarget {
    /// Inputs made up by chance, as many as a debug build runs in about a second.
    fileprivate var turnCount: Int {
        switch self {
        case .capture: 300
        case .decode: 2_000
        case .http, .http2, .dns, .tls, .smb, .dcerpc, .kerberos, .rdp, .ssh, .smtp, .ftp, .sip: 400
        case .rules: 100
        case .engine: 40
        case .alerts: 200
        case .state: 400
        }
    }
}

extension [UInt8] {
    /// Up to 64 bytes in a row.
    fileprivate func slice(_ numbers: inout SeededNumbers) -> ArraySlice<UInt8> {
        let start = Int.random(in: 0...count, using: &numbers)
        return self[start...].prefix(Int.random(in: 1...64, using: &numbers))
    }
}
