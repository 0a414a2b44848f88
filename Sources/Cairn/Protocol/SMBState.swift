/// What a connected share is for.
enum SMBShareKind: UInt8 {
    case unknown, file, pipe, printer

    /// The value that SMB 2 has for it ([MS-SMB2] §2.2.10).
    init(version2 value: UInt8) {
        switch value {
        case 1: self = .file
        case 2: self = .pipe
        case 3: self = .printer
        default: self = .unknown
        }
    }

    /// The service that SMB 1 has for it ([MS-CIFS] §2.2.4.55.2).
    init(service: UnsafeRawBufferPointer) {
        if service.elementsEqual("A:".utf8) {
            self = .file
        } else if service.elementsEqual("IPC".utf8) {
            self = .pipe
        } else if service.starts(with: "LPT".utf8) {
            self = .printer
        } else {
            self = .unknown
        }
    }

    /// The name of it in EVE records.
    var name: StaticString? {
        switch self {
        case .unknown: nil
        case .file: "FILE"
        case .pipe: "PIPE"
        case .printer: "PRINT"
        }
    }
}

/// The shares that a flow is connected to, at most `countMax`; beyond it the one that was used
/// longest ago is forgotten.
struct SMBTrees {
    static let countMax = 64

    struct Tree {
        fileprivate(set) var isUsed = false
        fileprivate var sessionID: UInt64 = 0
        fileprivate var treeID: UInt32 = 0
        fileprivate var lastUse: UInt64 = 0
        fileprivate(set) var kind: SMBShareKind = .unknown
        fileprivate(set) var path: [UInt8] = []
    }

    private var trees: [Tree] = []
    private var useCount: UInt64 = 0

    subscript(index: Int) -> Tree { _read { yield trees[index] } }

    /// The place of a tree; in SMB 1 there is no session.
    mutating func find(_ sessionID: UInt64, _ treeID: UInt32) -> Int? {
        for index in trees.indices
        where trees[index].isUsed && trees[index].treeID == treeID
            && trees[index].sessionID == sessionID
        {
            useCount &+= 1
            trees[index].lastUse = useCount
            return index
        }
        return nil
    }

    /// Adds a tree, or replaces the one with the same numbers.
    ///
    /// - Returns: whether another one was forgotten for it.
    mutating func insert(
        _ sessionID: UInt64, _ treeID: UInt32, _ path: UnsafeRawBufferPointer?,
        _ kind: SMBShareKind
    ) -> Bool {
        var isFull = false
        var place = find(sessionID, treeID) ?? trees.firstIndex { !$0.isUsed }
        if place == nil, trees.count == Self.countMax {
            place = trees.indices.min { trees[$0].lastUse < trees[$1].lastUse }
            isFull = true
        }
        if place == nil { trees.append(Tree()) }
        let index = place ?? trees.count &- 1
        useCount &+= 1
        trees[index].isUsed = true
        trees[index].sessionID = sessionID
        trees[index].treeID = treeID
        trees[index].lastUse = useCount
        trees[index].kind = kind
        trees[index].path.removeAll(keepingCapacity: true)
        if let path { trees[index].path.append(contentsOf: path) }
        return isFull
    }

    mutating func remove(_ sessionID: UInt64, _ treeID: UInt32) {
        guard let index = find(sessionID, treeID) else { return }
        trees[index].isUsed = false
    }

    mutating func removeAll() {
        for index in trees.indices { trees[index].isUsed = false }
    }
}

/// The identifier of an open file: 16 bytes in SMB 2, a number of two bytes in SMB 1.
struct SMBFileID: Equatable {
    var high: UInt64
    var low: UInt64

    /// Stands in a compound request for the file that the one before is about ([MS-SMB2] §3.2.4.1.4).
    static let related = SMBFileID(high: .max, low: .max)

    /// Reads the identifier of SMB 2; 16 bytes must be there.
    init(decoding bytes: RawSpan, at offset: Int) {
        high = bytes.bigEndian(at: offset)
        low = bytes.bigEndian(at: offset &+ 8)
    }

    init(version1 number: UInt16) {
        high = .max
        low = UInt64(number)
    }

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// The files and pipes that a flow has open, at most `countMax`; beyond it the one that was used
/// longest ago is to be forgotten.
struct SMBOpens {
    static let countMax = 256

    /// A place, and who had it then.
    struct Reference {
        var index: Int
        var generation: UInt32
    }

    struct Open {
        fileprivate(set) var isUsed = false
        fileprivate var generation: UInt32 = 0
        fileprivate(set) var id = SMBFileID.related
        fileprivate(set) var lastUse: UInt64 = 0
        var kind: SMBShareKind = .unknown
        /// Its name in the share, and the share; empty if they were not seen.
        var name: [UInt8] = []
        var path: [UInt8] = []
        var hasRead = false
        var hasWritten = false
        /// Whether DCE/RPC goes through it; nil as long as that is not known.
        var isRPC: Bool?
        var association: DCERPCAssociation?
    }

    private var opens: [Open] = []
    private var useCount: UInt64 = 0

    var indices: Range<Int> { opens.indices }

    subscript(index: Int) -> Open {
        @inline(__always) _read { yield opens[index] }
        @inline(__always) _modify { yield &opens[index] }
    }

    /// The place of an open file.
    mutating func find(_ id: SMBFileID) -> Int? {
        for index in opens.indices where opens[index].isUsed && opens[index].id == id {
            useCount &+= 1
            opens[index].lastUse = useCount
            return index
        }
        return nil
    }

    func reference(to index: Int) -> Reference {
        Reference(index: index, generation: opens[index].generation)
    }

    /// The place of an open file that may have been closed meanwhile.
    func find(_ reference: Reference?) -> Int? {
        guard let reference, reference.index < opens.count, opens[reference.index].isUsed,
            opens[reference.index].generation == reference.generation
        else { return nil }
        return reference.index
    }

    /// The file that is to be removed before another can be added; nil if there is room.
    var oldestIfFull: Int? {
        guard opens.count == Self.countMax, opens.allSatisfy(\.isUsed) else { return nil }
        return opens.indices.min { opens[$0].lastUse < opens[$1].lastUse }
    }

    /// Adds an open file; there must be room.
    mutating func insert(_ id: SMBFileID) -> Int {
        var place = opens.firstIndex { !$0.isUsed }
        if place == nil { opens.append(Open()) }
        let index = place ?? opens.count &- 1
        place = nil
        useCount &+= 1
        opens[index].isUsed = true
        opens[index].generation &+= 1
        opens[index].id = id
        opens[index].lastUse = useCount
        opens[index].kind = .unknown
        opens[index].name.removeAll(keepingCapacity: true)
        opens[index].path.removeAll(keepingCapacity: true)
        opens[index].hasRead = false
        opens[index].hasWritten = false
        opens[index].isRPC = nil
        return index
    }

    mutating func remove(_ index: Int) { opens[index].isUsed = false }

    mutating func removeAll() {
        for index in opens.indices { opens[index].isUsed = false }
    }
}

/// A request that waits for its response.
struct SMBRequest {
    /// What the response repeats: the message identifier of SMB 2, multiplex and process
    /// identifiers of SMB 1.
    var key: UInt64
    var command: UInt16
    var isVersion2: Bool
    /// None for what goes through pipes.
    var transaction: Transaction?
    /// The file that it is about.
    var open: SMBOpens.Reference?
    /// What the share is for, where a file is opened.
    var kind: SMBShareKind = .unknown
    /// The file gets the name in its transaction when the request succeeds.
    var isRename = false
    /// The file that it opens is closed before the response comes.
    var isClosed = false
    /// More of the request follows, and the server may say in between that it may (SMB 1).
    var isPart = false
}
