import Benchmark
import CAllocations

@testable import Cairn

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#endif

/// All benchmarks, in the order of the stages.
let benchmarks: @Sendable () -> Void = {
    decodeBenchmarks()
    flowBenchmarks()
    streamBenchmarks()
    protocolBenchmarks()
    literalBenchmarks()
    ruleBenchmarks()
    correlationBenchmarks()
    recordBenchmarks()
    engineBenchmarks()
}

/// What one pass over a corpus came to; what a benchmark does not count stays 0.
struct Outcome: Equatable {
    var packets = 0
    var flows = 0
    /// Oddities and diagnostics.
    var problems = 0
    var transactions = 0
    var hits = 0
    var candidates = 0
    var rules = 0
    var firings = 0
    var incidents = 0
    /// Payload, stored values, or lines: whatever comes out of the stage.
    var bytes = 0
}

/// Declares the benchmark of a stage: passes over a corpus, again and again, with one instance of
/// the stage.
///
/// - Parameters:
///   - units: how many of what one pass takes; CPU time is given for one of them.
///   - expected: what every pass has to come to; anything else is an error.
///   - allocates: whether passes behind the first may take heap memory.
///   - seconds: how long to go on; enough for at least five passes.
///   - prepare: makes the corpus and the stage, not measured, and gives back the pass.
func stage(
    _ name: String, units: (count: Int, name: String), expected: Outcome, allocates: Bool = true,
    metrics: [BenchmarkMetric] = [.wallClock], seconds: Int = 2,
    prepare: @escaping @Sendable () -> () -> Outcome
) {
    let cpu = BenchmarkMetric.custom("CPU ns per \(units.name)", useScalingFactor: false)
    let memory = BenchmarkMetric.custom("Allocations in a pass", useScalingFactor: false)
    Benchmark(
        name,
        configuration: .init(
            metrics: metrics + (allocation_count() < 0 ? [cpu] : [cpu, memory]),
            units: [cpu: .count, memory: .count],
            warmupIterations: 0, maxDuration: .seconds(seconds), maxIterations: 1000)
    ) { (benchmark: Benchmark, pass: () -> Outcome) in
        let (allocationCount, start) = (allocation_count(), processTime())
        let outcome = pass()
        let time = processTime() - start
        let allocations = Int(allocation_count() - allocationCount)
        benchmark.measurement(cpu, time / units.count)
        benchmark.measurement(memory, allocations)
        if outcome != expected {
            fail(name, "expected \(expected), but there came \(outcome)")
        } else if !allocates, allocations > 0 {
            fail(name, "took \(allocations) blocks of heap memory")
        }
    } setup: {
        let pass = prepare()
        _ = pass()
        return pass
    }
}

/// Ends this process, which each benchmark has to itself: the run goes on with the others, and then
/// fails. (An error that is only handed to the tool leaves its exit code at 0.)
private func fail(_ name: String, _ reason: String) -> Never {
    let text = Array("\n\(name): \(reason)\n".utf8)
    write(STDERR_FILENO, text, text.count)
    exit(1)
}

/// CPU time of all threads in nanoseconds.
private func processTime() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}
