import CIntrinsics

/// A host that open incidents name, by its number in `IncidentHosts`.
typealias HostID = UInt32

/// The hosts that open incidents name: each text once, with the incidents that own it as actor or
/// victim and those in which it was hit.
///
/// A host lives as long as an incident refers to it, so the limits of incidents bound the table.
struct IncidentHosts: ~Copyable {
    struct Host {
        /// The text: here if it fits, as that of every IPv4 address does, else in memory of its own.
        var shortText = SIMD2<UInt64>.zero
        var longText: UnsafeMutableRawPointer?
        var textByteCount: Int32
        var references: UInt32
        var hash: UInt32
        /// NAT, proxy, server of many: identifies nobody.
        var isShared: Bool
        /// The text is short and stands for itself in JSON.
        var isPlain = false
        /// The open incidents with the keys ["actor", text] and ["victim", text]; -1 without one.
        var actorOwner: Int32 = -1
        var victimOwner: Int32 = -1
        /// The first of the hits on it; -1 without one.
        var firstHit: Int32 = -1
        /// Changes when an incident becomes a candidate through a hit, and what it was when the
        /// owner's relatives were last completed.
        var hitVersion: UInt64 = 1
        var relatedVersion: UInt64 = 0
    }

    /// That a host was hit as a victim in an incident.
    struct Hit {
        var incident: Int32
        var host: HostID
        var time: Timestamp
        var previous: Int32
        var next: Int32
    }

    private(set) var hits = PlainList<Hit>()
    private var hosts = PlainList<Host>()
    private var freeHosts = PlainList<HostID>()
    private var freeHits = PlainList<Int32>()
    private var index = HashIndex()
    private let shared: [IPNetwork]

    init(shared: [IPNetwork]) {
        self.shared = shared
    }

    deinit {
        for host in 0..<hosts.count { hosts[host].longText?.deallocate() }
        index.freeMemory()
    }

    @inline(__always) subscript(host: HostID) -> Host { hosts[Int(host)] }

    /// The name of a host.
    func text(_ host: HostID) -> [UInt8] { withText(host) { Array($0) } }

    /// Calls `body` with the name of a host.
    @inline(__always)
    func withText<Result>(
        _ host: HostID, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        let count = Int(hosts[Int(host)].textByteCount)
        if let long = hosts[Int(host)].longText {
            return body(UnsafeRawBufferPointer(start: long, count: count))
        }
        return withUnsafeBytes(of: &hosts[Int(host)].shortText) {
            body(UnsafeRawBufferPointer(rebasing: $0[..<count]))
        }
    }

    /// Writes the name of a host.
    @inline(__always) mutating func write(_ host: HostID, to json: inout JSONWriter) {
        if hosts[Int(host)].isPlain {
            let byteCount = Int(hosts[Int(host)].textByteCount)
            json.plainString(hosts[Int(host)].shortText, byteCount: byteCount)
        } else {
            withText(host) { json.string($0) }
        }
    }

    /// The number of a host that is there.
    @inline(__always) func find(_ text: UnsafeRawBufferPointer, hash: UInt32) -> HostID? {
        index.find(hash) { candidate in
            withText(candidate) { GroupKey.areEqual($0, text) }
        }
    }

    /// Asks for where a host will be looked for.
    @inline(__always) func prefetch(hash: UInt32) { index.prefetch(hash) }

    /// Asks for the memory of the host of a hash.
    @inline(__always) func prefetchHost(hash: UInt32) {
        index.forEachCandidate(hash) { prefetch($0) }
    }

    /// Asks for the memory of a host.
    @inline(__always) func prefetch(_ host: HostID) { hosts.prefetch(Int(host)) }

    /// The number of a host, retained once.
    mutating func retained(_ text: UnsafeRawBufferPointer) -> HostID {
        retained(text, hash: GroupKey.shortHash(text))
    }

    /// The number of a host, retained once; `hash` is that of its text.
    mutating func retained(_ text: UnsafeRawBufferPointer, hash: UInt32) -> HostID {
        if let known = find(text, hash: hash) {
            hosts[Int(known)].references &+= 1
            return known
        }
        let id = insert(text, hash)
        index.insert(id, hash: hash)
        return id
    }

    private mutating func insert(_ text: UnsafeRawBufferPointer, _ hash: UInt32) -> HostID {
        var host = Host(
            textByteCount: Int32(truncatingIfNeeded: text.count), references: 1, hash: hash,
            isShared: isShared(text))
        if text.count > MemoryLayout.size(ofValue: host.shortText) {
            let block = UnsafeMutableRawBufferPointer.allocate(
                byteCount: text.count, alignment: 8)
            block.copyMemory(from: text)
            host.longText = block.baseAddress
        } else {
            withUnsafeMutableBytes(of: &host.shortText) { $0.copyMemory(from: text) }
            // The zeroes behind a text that does not fill the place are no plain ones.
            host.isPlain =
                withUnsafeBytes(of: host.shortText) {
                    $0.baseAddress.map { Int(cairn_count_plain($0)) } ?? 0
                } == text.count
        }
        guard !freeHosts.isEmpty else {
            hosts.append(host)
            return HostID(truncatingIfNeeded: hosts.count &- 1)
        }
        let id = freeHosts.removeLast()
        // A version that was never seen for this number, whoever had it before.
        host.hitVersion = hosts[Int(id)].hitVersion &+ 1
        hosts[Int(id)] = host
        return id
    }

    @inline(__always) func retain(_ host: HostID) { hosts[Int(host)].references &+= 1 }

    @inline(__always) mutating func release(_ host: HostID) {
        hosts[Int(host)].references &-= 1
        if hosts[Int(host)].references == 0 { remove(host) }
    }

    private mutating func remove(_ host: HostID) {
        index.remove(host, hash: hosts[Int(host)].hash)
        hosts[Int(host)].longText?.deallocate()
        hosts[Int(host)].longText = nil
        freeHosts.append(host)
    }

    private func isShared(_ text: UnsafeRawBufferPointer) -> Bool {
        guard !shared.isEmpty, let address = IPAddress(String(decoding: text, as: UTF8.self)) else {
            return false
        }
        return shared.contains { $0.contains(address) }
    }

    /// Says which open incident has the key ["actor", host]; -1 for none.
    func setActorOwner(_ incident: Int32, of host: HostID) {
        hosts[Int(host)].actorOwner = incident
        hosts[Int(host)].relatedVersion = 0
    }

    /// Says which open incident has the key ["victim", host]; -1 for none.
    func setVictimOwner(_ incident: Int32, of host: HostID) {
        hosts[Int(host)].victimOwner = incident
    }

    /// Says that all incidents in which a host was hit are relatives of its owner's.
    func markRelated(_ host: HostID) {
        hosts[Int(host)].relatedVersion = hosts[Int(host)].hitVersion
    }

    // MARK: Hits

    /// Enters a first hit on a host in an incident.
    mutating func addHit(on host: HostID, in incident: Int32, at time: Timestamp) -> Int32 {
        let next = hosts[Int(host)].firstHit
        let hit = Hit(incident: incident, host: host, time: time, previous: -1, next: next)
        let place: Int32
        if freeHits.isEmpty {
            place = Int32(truncatingIfNeeded: hits.count)
            hits.append(hit)
        } else {
            place = freeHits.removeLast()
            hits[Int(place)] = hit
        }
        if next >= 0 { hits[Int(next)].previous = place }
        hosts[Int(host)].firstHit = place
        hosts[Int(host)].hitVersion &+= 1
        return place
    }

    /// Moves a hit to a later time; `gap` is how long a hit makes its incident a candidate.
    func renewHit(_ place: Int32, at time: Timestamp, gap: Int64) {
        if hits[Int(place)].time.adding(nanoseconds: gap) < time {
            hosts[Int(hits[Int(place)].host)].hitVersion &+= 1
        }
        hits[Int(place)].time = time
    }

    /// Calls `body` with each hit on a host.
    @inline(__always) func forEachHit(on host: HostID, _ body: (Hit) -> Void) {
        var place = hosts[Int(host)].firstHit
        while place >= 0 {
            body(hits[Int(place)])
            place = hits[Int(place)].next
        }
    }

    mutating func removeHit(_ place: Int32) {
        let hit = hits[Int(place)]
        if hit.previous >= 0 {
            hits[Int(hit.previous)].next = hit.next
        } else {
            hosts[Int(hit.host)].firstHit = hit.next
        }
        if hit.next >= 0 { hits[Int(hit.next)].previous = hit.previous }
        freeHits.append(place)
    }
}

// MARK: - Checkpoint

extension IncidentHosts {
    /// Mentions a host.
    func save(_ host: HostID, to writer: inout CheckpointWriter) {
        if writer.mention(host, .host) { writer.text(text(host)) }
    }

    /// The host that is mentioned next; the reader retains it.
    mutating func restore(
        from reader: inout CheckpointReader
    ) throws(CheckpointError) -> HostID {
        let place = try reader.mention(of: reader.hosts.count)
        if place < reader.hosts.count { return reader.hosts[place] }
        let text = try reader.text()
        let host = text.withUnsafeBytes { retained($0) }
        reader.hosts.append(host)
        return host
    }

    /// Whether the relatives of a host's owner were completed since the last hit on the host.
    func hasAllRelatives(_ host: HostID) -> Bool {
        hosts[Int(host)].relatedVersion == hosts[Int(host)].hitVersion
    }
}
