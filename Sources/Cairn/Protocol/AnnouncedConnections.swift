/// Connections that other flows between the same ends have announced, so that they are known for
/// what they are (FTP's data connections).
///
/// At most `countMax` are kept; beyond it the oldest is forgotten. One that does not come within
/// `lifetime` is not meant any more.
final class AnnouncedConnections {
    private static let countMax = 1024
    private static let lifetime: Int64 = 30_000_000_000

    private struct Entry {
        var low: IPAddress
        var high: IPAddress
        var time: Timestamp
        var announcement: FTP.Announcement
    }

    /// Oldest first.
    private var entries: [Entry] = []

    /// Keeps an announcement of a flow; one of the same port takes the place of the one before.
    func add(_ announcement: FTP.Announcement, by flow: UnsafeMutablePointer<Flow>) {
        let (low, high) = Self.ends(flow)
        entries.removeAll {
            $0.announcement.port == announcement.port && $0.low == low && $0.high == high
        }
        if entries.count >= Self.countMax { entries.removeFirst() }
        entries.append(
            Entry(low: low, high: high, time: flow.pointee.last, announcement: announcement))
    }

    /// What was announced of a flow, which is then forgotten.
    func take(for flow: UnsafeMutablePointer<Flow>) -> FTP.Announcement? {
        guard !entries.isEmpty else { return nil }
        let (low, high) = Self.ends(flow)
        let place = entries.lastIndex {
            $0.announcement.port == flow.pointee.serverPort && $0.low == low && $0.high == high
        }
        guard let place else { return nil }
        let entry = entries.remove(at: place)
        let age = flow.pointee.start.nanoseconds &- entry.time.nanoseconds
        return age <= Self.lifetime ? entry.announcement : nil
    }

    private static func ends(_ flow: UnsafeMutablePointer<Flow>) -> (IPAddress, IPAddress) {
        let (client, server) = (flow.pointee.client, flow.pointee.server)
        return client < server ? (client, server) : (server, client)
    }
}
