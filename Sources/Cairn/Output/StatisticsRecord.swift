extension EventRecordWriter {
    /// Writes the counters as one line: dotted names become nested objects, as in Suricata's `stats` events.
    func writeStatistics(_ counters: Counters, at time: Timestamp, into writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("timestamp", eveTime: time)
        writer.member("event_type", "stats")
        writer.key("stats")
        counters.write(into: &writer)
        writer.endObject()
        writer.endLine()
    }
}

extension Counters {
    /// Writes the counts in the order of their names, one object for each part before a dot.
    func write(into writer: inout JSONWriter) {
        Tree(values).write(into: &writer)
    }

    /// Counts by the parts of their names.
    private struct Tree {
        private var count: UInt64?
        private var branches: [String: Tree] = [:]

        init(_ values: [String: UInt64]) {
            for (name, value) in values { insert(value, at: name.split(separator: ".")[...]) }
        }

        private mutating func insert(_ value: UInt64, at path: ArraySlice<Substring>) {
            guard let first = path.first else {
                count = value
                return
            }
            branches[String(first), default: Tree([:])].insert(value, at: path.dropFirst())
        }

        func write(into writer: inout JSONWriter) {
            if branches.isEmpty, let count { return writer.integer(count) }
            writer.beginObject()
            // A name that is also a part of longer names keeps its own count beside theirs.
            if let count { writer.member("total", count) }
            for (name, branch) in branches.sorted(by: { $0.key < $1.key }) {
                writer.key(name)
                branch.write(into: &writer)
            }
            writer.endObject()
        }
    }
}
