#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What is known of the network interfaces of this machine.
public enum Interfaces {
    /// The names of all interfaces, in the order of the system.
    public static var names: [String] {
        guard let list = if_nameindex() else { return [] }
        defer { if_freenameindex(list) }
        var names: [String] = []
        var entry = list
        while let name = entry.pointee.if_name {
            names.append(String(cString: name))
            entry += 1
        }
        return names
    }

    /// A warning if an interface joins packets before they can be captured: such frames were never
    /// on the wire, and reassembly, lengths and evasions look different in them. Nil if it does
    /// not, or nobody can tell.
    public static func mergeWarning(for name: String) -> String? {
        #if os(Linux)
            let merging = Offload.allCases.filter { $0.isOn(name) }
            guard !merging.isEmpty else { return nil }
            let names = merging.map(\.name).joined(separator: ", ")
            let switches = merging.map { "\($0.rawValue) off" }.joined(separator: " ")
            return "\(name) joins packets before they are captured (\(names)); "
                + "'ethtool -K \(name) \(switches)' ends that"
        #else
            return nil
        #endif
    }
}

#if os(Linux)
    /// The features of Linux interfaces that make one large frame of several, by their names in
    /// ethtool(8).
    private enum Offload: String, CaseIterable {
        case gro, lro, gso, tso

        var name: String {
            switch self {
            case .gro: "generic receive offload"
            case .lro: "large receive offload"
            case .gso: "generic segmentation offload"
            case .tso: "TCP segmentation offload"
            }
        }

        /// The numbers of linux/ethtool.h: which command asks, and which bit of the answer tells.
        private var query: (command: UInt32, mask: UInt32) {
            switch self {
            case .gro: (0x2b, .max)  // ETHTOOL_GGRO
            case .lro: (0x25, 1 << 15)  // ETHTOOL_GFLAGS, ETH_FLAG_LRO
            case .gso: (0x23, .max)  // ETHTOOL_GGSO
            case .tso: (0x1e, .max)  // ETHTOOL_GTSO
            }
        }

        /// Asks the driver (`SIOCETHTOOL`); false where it does not know.
        func isOn(_ interface: String) -> Bool {
            #if canImport(Glibc)
                let kind = Int32(SOCK_DGRAM.rawValue)
            #else
                let kind = SOCK_DGRAM
            #endif
            let socket = socket(AF_INET, kind, 0)
            guard socket >= 0 else { return false }
            defer { close(socket) }
            // struct ethtool_value: command and answer.
            var value: (command: UInt32, answer: UInt32) = (query.command, 0)
            var request = ifreq()
            withUnsafeMutableBytes(of: &request.ifr_ifrn) { bytes in
                bytes.copyBytes(from: interface.utf8.prefix(bytes.count - 1))
            }
            let status = withUnsafeMutablePointer(to: &value) { value in
                request.ifr_ifru.ifru_data = UnsafeMutableRawPointer(value)
                    .assumingMemoryBound(to: CChar.self)
                return ioctl(socket, 0x8946, &request)
            }
            return status == 0 && value.answer & query.mask != 0
        }
    }
#endif

/// Takes on the rights of a user, for good: nothing that is opened later can be opened as root.
///
/// - Throws: `privileges` if there is no such user, or the rights of root could be had back.
public func dropPrivileges(to user: String) throws(CaptureError) {
    func failed(_ reason: String) -> CaptureError { .privileges(user: user, reason: reason) }
    guard let entry = SystemUser(named: user) else { throw failed("there is no such user") }
    var group = entry.groupID
    guard setgroups(1, &group) == 0, setgid(group) == 0, setuid(entry.userID) == 0 else {
        throw failed(systemReason())
    }
    if entry.userID != 0, setuid(0) == 0 { throw failed("root's rights could be taken back") }
}
