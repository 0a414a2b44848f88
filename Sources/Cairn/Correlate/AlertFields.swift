/// A tree of key paths that are wanted of JSON objects: one pass over a line finds all of them.
struct JSONPathTree {
    /// Where a value was found in a line.
    struct Place {
        var kind: JSONScanner.Kind?
        var start = 0
        var end = 0
        /// A string without escapes, all ASCII; a number without fraction and exponent.
        var isPlain = false
    }

    private struct Node {
        var key: [UInt8]
        var children: [Int] = []
        /// Where in `places` the node's own value goes.
        var place: Int
        /// The places of this node and of all below it are those from `place` to here, once the
        /// tree is complete.
        var endPlace = 0
        /// An array with one object in it counts as that object.
        var opensArrays = false
    }

    private var nodes: [Node] = [Node(key: [], place: 0)]
    /// The values found in the last line, by the numbers that `add` gave.
    private(set) var places: [Place] = []
    /// Members of the outermost object of the last line.
    private(set) var memberCount = 0
    private var numbers: [Int] = []
    private var unescaped: [UInt8] = []

    /// Adds a path; `opensArrays` lets an array with one element pass as that element on the way.
    ///
    /// - Returns: the number of the path, the same for the same path.
    mutating func add(_ path: [String], opensArrays: Bool = false) -> Int {
        var node = 0
        for key in path {
            let bytes = Array(key.utf8)
            if let known = nodes[node].children.first(where: { nodes[$0].key == bytes }) {
                node = known
            } else {
                nodes[node].children.append(nodes.count)
                nodes.append(Node(key: bytes, place: 0))
                node = nodes.count - 1
            }
            if opensArrays { nodes[node].opensArrays = true }
        }
        return node
    }

    /// The value of a path in the last line.
    @inline(__always) subscript(path: Int) -> Place { places[nodes[path].place] }

    /// Numbers the places so that those below a node follow it. To be called once, when all paths
    /// are added.
    mutating func complete() {
        var count = 0
        number(0, &count)
        places = Array(repeating: Place(), count: count)
    }

    private mutating func number(_ node: Int, _ count: inout Int) {
        nodes[node].place = count
        count += 1
        for child in nodes[node].children { number(child, &count) }
        nodes[node].endPlace = count
    }

    /// Looks for all paths in a line; false if it is not one JSON object.
    mutating func scan(_ line: UnsafeRawBufferPointer) -> Bool {
        for index in places.indices { places[index].kind = nil }
        memberCount = 0
        var scanner = JSONScanner(line)
        return scanObject(0, &scanner) && scanner.isAtEnd()
    }

    private mutating func scanObject(_ node: Int, _ scanner: inout JSONScanner) -> Bool {
        guard scanner.take(UInt8(ascii: "{")) else { return false }
        if scanner.take(UInt8(ascii: "}")) { return true }
        repeat {
            guard scanner.kind() == .string, let key = scanner.string(),
                scanner.take(UInt8(ascii: ":"))
            else { return false }
            if node == 0 { memberCount += 1 }
            if let child = child(of: node, key, scanner) {
                guard scanValue(child, &scanner) else { return false }
            } else {
                guard scanner.skipValue() else { return false }
            }
        } while scanner.take(UInt8(ascii: ","))
        return scanner.take(UInt8(ascii: "}"))
    }

    @inline(__always)
    private mutating func child(
        of node: Int, _ key: JSONScanner.Text, _ scanner: JSONScanner
    ) -> Int? {
        if key.isPlain {
            return find(scanner.bytes(key.start, key.end), in: node)
        }
        unescaped.removeAll(keepingCapacity: true)
        scanner.appendUnescaped(key, to: &unescaped)
        return unescaped.withUnsafeBytes { find($0, in: node) }
    }

    @inline(__always)
    private func find(_ key: UnsafeRawBufferPointer, in node: Int) -> Int? {
        for child in nodes[node].children where nodes[child].key.count == key.count {
            if nodes[child].key.withUnsafeBytes({ GroupKey.compare($0, key) == 0 }) { return child }
        }
        return nil
    }

    private mutating func scanValue(_ node: Int, _ scanner: inout JSONScanner) -> Bool {
        // Of members with the same key the last one counts, with all that it has below.
        if places[nodes[node].place].kind != nil {
            for index in nodes[node].place..<nodes[node].endPlace { places[index].kind = nil }
        }
        guard let kind = scanner.kind() else { return false }
        var place = Place(kind: kind, start: scanner.offset)
        switch kind {
        case .string:
            guard let text = scanner.string() else { return false }
            place.start = text.start
            place.end = text.end
            place.isPlain = text.isPlain
        case .number:
            guard let number = scanner.number() else { return false }
            place.end = number.end
            place.isPlain = number.isInteger
        case .object where !nodes[node].children.isEmpty:
            guard scanObject(node, &scanner) else { return false }
            place.end = scanner.offset
        case .array where nodes[node].opensArrays:
            guard scanArray(node, &scanner) else { return false }
            place.end = scanner.offset
        default:
            guard scanner.skipValue() else { return false }
            place.end = scanner.offset
        }
        places[nodes[node].place] = place
        return true
    }

    /// Takes an array with one object as that object, any other as nothing.
    private mutating func scanArray(_ node: Int, _ scanner: inout JSONScanner) -> Bool {
        let start = scanner
        if scanner.take(UInt8(ascii: "[")), scanner.kind() == .object,
            scanObject(node, &scanner), scanner.take(UInt8(ascii: "]"))
        {
            return true
        }
        for index in nodes[node].place..<nodes[node].endPlace { places[index].kind = nil }
        scanner = start
        return scanner.skipValue()
    }
}

/// Where EVE records keep what the field registry names (Suricata's and Cairn's `eve.json`).
enum EVEFields {
    /// Registry name to key paths, the first that is there counts.
    static let paths: [String: [[String]]] = {
        var paths: [String: [[String]]] = [
            "dns.query": [["dns", "rrname"], ["dns", "query", "rrname"]],
            "dns.rrtype": [["dns", "rrtype"], ["dns", "query", "rrtype"]],
            "file.magic": [["fileinfo", "magic"]],
            "file.md5": [["fileinfo", "md5"]],
            "file.name": [["fileinfo", "filename"]],
            "file.sha1": [["fileinfo", "sha1"]],
            "file.sha256": [["fileinfo", "sha256"]],
            "file.size": [["fileinfo", "size"]],
            "http.content_type": [["http", "http_content_type"]],
            "http.host": [["http", "hostname"]],
            "http.method": [["http", "http_method"]],
            "http.referer": [["http", "http_refer"]],
            "http.stat_code": [["http", "status"]],
            "http.uri": [["http", "url"]],
            "http.user_agent": [["http", "http_user_agent"]],
            "ja3.hash": [["tls", "ja3", "hash"]],
            "ja3.string": [["tls", "ja3", "string"]],
            "ja3s.hash": [["tls", "ja3s", "hash"]],
            "ja3s.string": [["tls", "ja3s", "string"]],
            "ja4.hash": [["tls", "ja4"]],
            "ssh.proto": [["ssh", "client", "proto_version"]],
            "ssh.software": [["ssh", "client", "software_version"]],
            "tls.cert_fingerprint": [["tls", "fingerprint"]],
            "tls.cert_issuer": [["tls", "issuerdn"]],
            "tls.cert_serial": [["tls", "serial"]],
            "tls.cert_subject": [["tls", "subject"]],
        ]
        for subject in FieldRegistry.subjects {
            for field in subject.fields {
                guard let key = field.eve else { continue }
                paths[field.name, default: []].append([subject.name, key])
            }
        }
        return paths
    }()
}
