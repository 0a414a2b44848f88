/// What bounds the work and memory of matching.
struct MatchSettings: Sendable {
    /// Steps and depth of one regular expression (`pcre.match-limit`, `pcre.match-limit-recursion`).
    var regexMatchLimit = 3500
    var regexDepthLimit = 1500
    /// Steps of one sequence (`detect.inspection-recursion-limit`).
    var recursionLimit = 3000
    /// Bytes of a stream's direction that are held at least, so that what stands in several segments is found.
    var streamWindowByteCount = 8 * 1024
    /// Bytes of a stream's direction that rules on packets look at together.
    var chunkByteCountMax = 64 * 1024
    /// Bytes that the windows of all streams of a shard may take, and their chunks.
    var streamMemoryByteCountMax = 64 << 20
    /// Rules that wait for more bytes of one direction of a stream.
    var pendingRuleCountMax = 256
    /// Bits, counters, thresholds and fired rules that are remembered, each kind.
    var stateCountMax = 100_000
    /// Which rules come first on one packet, by what they do.
    var actionOrder = ActionOrder()
    /// Alerts of one packet; 0 for any number.
    var alertCountMax = 0
    /// Asks every rule about every event instead of finding those that may hold (`detect.exhaustive`): what that must agree
    /// with.
    var isExhaustive = false
    /// Where countries of addresses are looked up (`geoip-database`).
    var countryDatabasePath: String?
    /// What files say of hosts (`reputation-files`).
    var reputations: HostReputations?
    /// What settings say of sets (`datasets`).
    var sets = SetSettings()
    /// Whether alerts carry the transaction as JSON.
    var writesEvents = true
}
