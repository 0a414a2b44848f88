@testable import Cairn

/// Transactions and alerts to JSON.
func recordBenchmarks() {
    stage(
        "JSON: HTTP records", units: (2000, "record"),
        expected: Outcome(transactions: 2000, bytes: 1_160_317)
    ) {
        let transactions = Player(Traffic.web(500)).transactions()
        let header = EventHeader(
            timestamp: testStart, frameNumber: 1, source: 0, flowID: 1_234_567_890,
            sourceAddress: IPAddress(v4: 0x0a00_0001),
            destinationAddress: IPAddress(v4: 0xc000_0201),
            sourcePort: 40_000, destinationPort: 80, ipProtocol: 6, transport: .tcp,
            applicationProtocol: "http", transactionID: 0)
        let records = EventRecordWriter(sourceNames: ["traffic.pcap"], isLive: false)
        var writer = JSONWriter()
        return {
            var outcome = Outcome()
            for transaction in transactions {
                writer.removeAll()
                records.writeTransaction(transaction, header, into: &writer)
                outcome.transactions += 1
                outcome.bytes += writer.bytes.count
            }
            return outcome
        }
    }
}
