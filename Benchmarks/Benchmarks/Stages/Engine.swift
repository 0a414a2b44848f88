@testable import Cairn

/// Frames to records: all stages, on one thread, each pass from a fresh state.
func engineBenchmarks() {
    stage(
        "engine: no rules", units: (59_421, "frame"),
        expected: Outcome(packets: 59_421, bytes: 208)
    ) {
        enginePass(Traffic.mixed(200, paths: SyntheticRules.paths), RuleSet(), EngineOptions())
    }
    stage(
        "engine: 15,000 rules, alerts", units: (59_421, "frame"),
        expected: Outcome(packets: 59_421, candidates: 160, bytes: 471_109), seconds: 5
    ) {
        var options = EngineOptions()
        options.writesAlerts = true
        return enginePass(
            Traffic.mixed(200, paths: SyntheticRules.paths), SyntheticRules.loaded, options)
    }
    stage(
        "engine: no rules, events", units: (14_826, "frame"),
        expected: Outcome(packets: 14_826, bytes: 3_658_220), seconds: 8
    ) {
        var options = EngineOptions()
        options.writesEvents = true
        return enginePass(Traffic.mixed(50), RuleSet(), options)
    }
}

private func enginePass(
    _ traffic: TrafficWriter, _ rules: RuleSet, _ options: EngineOptions
) -> () -> Outcome {
    let frames = traffic.framesInTimeOrder
    let engine = Engine(rules: rules, options: options)
    return {
        var outcome = Outcome()
        let report = engine.run(EngineSource(ScriptedSource(frames))) { _, lines in
            outcome.bytes += lines.count
        }
        outcome.packets = Int(report.progress.packetCount)
        outcome.candidates = Int(report.counters["detect.candidates"])
        return outcome
    }
}
