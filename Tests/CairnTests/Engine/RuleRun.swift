import Foundation
import Testing

@testable import Cairn

/// Suricata rules on a conversation, from frames to alerts.
enum RuleRun {
    typealias Turn = TrafficWriter.Turn

    /// A TCP conversation, a segment for each turn.
    static func conversation(
        _ turns: [Turn], port: UInt16 = 80, ending: TrafficWriter.Ending = .fin
    ) -> [TrafficWriter.TimedFrame] {
        var writer = TrafficWriter()
        writer.tcp(
            client: .init(address: IPAddress(v4: 0x0a00_0001), port: 40000),
            server: .init(address: IPAddress(v4: 0x0a00_0002), port: port), turns: turns,
            ending: ending, at: Timestamp(nanoseconds: 1_000_000_000))
        return writer.framesInTimeOrder
    }

    /// Datagrams of one conversation.
    static func datagrams(_ turns: [Turn], port: UInt16) -> [TrafficWriter.TimedFrame] {
        var writer = TrafficWriter()
        writer.udp(
            client: .init(address: IPAddress(v4: 0x0a00_0001), port: 40000),
            server: .init(address: IPAddress(v4: 0x0a00_0002), port: port), turns: turns,
            at: Timestamp(nanoseconds: 1_000_000_000))
        return writer.framesInTimeOrder
    }

    /// The records of the alerts of rules in a file of some path.
    static func records(
        _ rules: String, _ frames: [TrafficWriter.TimedFrame], path: String = "x.rules",
        settings: [String] = []
    ) throws -> [JSONValue] {
        var options = EngineOptions()
        for setting in settings { #expect(options.settings.set(setting) == []) }
        let set = RuleLoader(settings: options.settings).load(source: rules.utf8, path: path)
        #expect(RuleFixtures.messages(set) == [])
        options.writesAlerts = true
        var lines: [UInt8] = []
        let engine = Engine(rules: set, options: options)
        #expect(engine.diagnostics == [])
        _ = engine.run(EngineSource(ScriptedSource(frames))) { if $0 == .alert { lines += $1 } }
        return try lines.split(separator: UInt8(ascii: "\n")).map {
            try #require(JSONValue(parsing: Array($0)))
        }
    }

    /// How often each rule fires, by its number.
    static func alerts(
        _ rules: String, _ frames: [TrafficWriter.TimedFrame], path: String = "x.rules",
        settings: [String] = []
    ) throws -> [Int: Int] {
        try records(rules, frames, path: path, settings: settings).reduce(into: [:]) {
            let number = try #require($1["alert"]?["signature_id"]?.integer)
            $0[Int(number), default: 0] += 1
        }
    }

    /// Runs `body` with the path of a folder that is there for as long.
    static func withFolder(
        _ files: [String: String], _ body: (String) throws -> Void
    ) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files {
            try Data(text.utf8).write(to: folder.appending(path: name))
        }
        try body(folder.path)
    }
}

/// What one end of a conversation says at once.
func turn(_ direction: Direction, _ bytes: [UInt8]) -> RuleRun.Turn {
    RuleRun.Turn(direction: direction, bytes: bytes)
}

func turn(_ direction: Direction, _ text: String) -> RuleRun.Turn {
    turn(direction, Array(text.utf8))
}
