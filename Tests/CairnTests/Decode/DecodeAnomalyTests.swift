import Testing

@testable import Cairn

@Suite struct DecodeAnomalyTests {
    @Test func `names are different, and lead back to their anomaly`() {
        let names = DecodeAnomaly.allCases.map(\.name.description)
        #expect(Set(names).count == names.count)
        for anomaly in DecodeAnomaly.allCases {
            #expect(DecodeAnomaly(name: anomaly.name.description) == anomaly)
        }
        #expect(DecodeAnomaly(name: "ipv4.nothing") == nil)
    }

    @Test func `all anomalies fit a set`() {
        #expect(DecodeAnomaly.allCases.count <= DecodeAnomalySet.capacity)
        var set = DecodeAnomalySet()
        #expect(set.isEmpty)
        for anomaly in DecodeAnomaly.allCases {
            #expect(!set.contains(anomaly))
            set.insert(anomaly)
            #expect(set.contains(anomaly) && !set.isEmpty)
        }
        var taken: [DecodeAnomaly] = []
        while let anomaly = set.popFirst() { taken.append(anomaly) }
        #expect(taken == DecodeAnomaly.allCases && set.isEmpty)
    }

    @Test func `an anomaly is counted once for each packet`() {
        let bench = DecodeBench()
        _ = bench.decode(hex("01"))
        _ = bench.decode(hex("01"))
        #expect(bench.counters["decoder.event.ethernet.pkt_too_small"] == 2)
        #expect(bench.counters["decoder.invalid"] == 2)
    }
}
