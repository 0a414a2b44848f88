// Prints the incidents of captures as lines of text: what a program that embeds Cairn looks like.

import Cairn

let arguments = CommandLine.arguments.dropFirst()
guard let rulePath = arguments.first, arguments.count > 1 else {
    print("usage: embedding RULES CAPTURE...")
    throw CancellationError()
}

let rules = RuleLoader().load(paths: [rulePath])
for diagnostic in rules.diagnostics where diagnostic.severity == .error { print(diagnostic) }

var options = EngineOptions()
options.threadCount = 2
options.writesAlerts = true
let engine = Engine(rules: rules, options: options)
if !engine.diagnostics.isEmpty { print(engine.diagnostics) }

var lineCounts: [RecordKind: Int] = [:]
let report = try engine.run(.captures(Array(arguments.dropFirst()), filter: nil)) { kind, lines in
    lineCounts[kind, default: 0] += lines.count { $0 == UInt8(ascii: "\n") }
    if kind == .incident { print(String(decoding: lines, as: UTF8.self), terminator: "") }
}

print("\(report.progress.packetCount) packets, \(lineCounts[.alert] ?? 0) alerts")
for (count, what) in report.oversights where count > 0 { print("not looked at: \(count) \(what)") }
