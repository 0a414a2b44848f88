/// Connections that other flows between the same ends have announced, so that they are known for
/// what they are (FTP's data connections).
///
/// At most `countMax` are kept; beyond it the oldest is forgotten. One that does not come within
/// `lifetime` is not meant any more.
struct AnnouncedConnections {
    private static let countMax = 1024
    private static let lifetime: Int64 = 30_000_000_000

    /// Both ends, and the port that one of them listens at.
    private struct Key: Hashable {
        var low: IPAddress
        var high: IPAddress
        var port: UInt16

        init(_ flow: UnsafeMutablePointer<Flow>, port: UInt16) {
            low = min(flow.pointee.client, flow.pointee.server)
            high = max(flow.pointee.client, flow.pointee.server)
            self.port = port
        }
    }

    private struct Entry {
        var time: Timestamp
        var announcement: FTP.Announcement
    }

    private var entries = BoundedTable<Key, Entry>(countMax: countMax)

    /// Announcements that were forgotten for newer ones.
    var evictedCount: UInt64 { entries.evictedCount }

    /// Keeps an announcement of a flow; one of the same port takes the place of the one before.
    mutating func add(_ announcement: FTP.Announcement, by flow: UnsafeMutablePointer<Flow>) {
        entries[Key(flow, port: announcement.port)] = Entry(
            time: flow.pointee.last, announcement: announcement)
    }

    /// What was announced of a flow, which is then forgotten.
    mutating func take(for flow: UnsafeMutablePointer<Flow>) -> FTP.Announcement? {
        guard !entries.isEmpty else { return nil }
        let key = Key(flow, port: flow.pointee.serverPort)
        guard let entry = entries[key] else { return nil }
        entries[key] = nil
        let age = flow.pointee.start.nanoseconds &- entry.time.nanoseconds
        return age <= Self.lifetime ? entry.announcement : nil
    }
}
