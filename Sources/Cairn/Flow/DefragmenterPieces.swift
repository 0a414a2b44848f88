/// The bytes of an incomplete datagram.
extension Defragmenter {
    /// What adding a fragment did.
    struct Change {
        /// Some of its bytes were there already, and not as an exact copy of this fragment:
        /// networks repeat fragments, but do not cut them anew.
        var isOverlap = false
        /// The first byte of the datagram is its own.
        var wroteFirstByte = false
    }

    /// Adds the bytes of a range where there are none, and where the policy prefers them to those
    /// that are there.
    ///
    /// Pieces begin and end at multiples of eight bytes, the last end apart, so there are 8192 at
    /// most; fragments that come in order find their place at once.
    func insertPieces(
        _ range: Range<UInt32>, _ payload: UnsafeRawBufferPointer,
        into tracker: UnsafeMutablePointer<Tracker>
    ) -> Change {
        var change = Change()
        var (before, piece) = place(of: range.lowerBound, in: tracker)
        var start = range.lowerBound
        func write(_ part: Range<UInt32>) {
            if part.lowerBound == 0 { change.wroteFirstByte = true }
            copy(payload, of: range, part, into: tracker)
        }
        while piece >= 0, pieces.slots[Int(piece)].range.lowerBound < range.upperBound {
            let old = pieces.slots[Int(piece)]
            if start < old.range.lowerBound {
                let gap = start..<old.range.lowerBound
                before = link(gap, of: range, after: before, in: tracker)
                write(gap)
                tracker.pointee.byteCount &+= UInt32(gap.count)
                start = gap.upperBound
            }
            let shared = start..<min(old.range.upperBound, range.upperBound)
            if old.fragment != range || differs(payload, of: range, shared, from: tracker) {
                change.isOverlap = true
            }
            if tracker.pointee.policy.prefers(newer: range, over: old.fragment) {
                piece = replace(shared, of: range, in: piece, after: &before, in: tracker)
                write(shared)
            } else {
                before = piece
                piece = old.next
            }
            start = shared.upperBound
        }
        if start < range.upperBound {
            let rest = start..<range.upperBound
            before = link(rest, of: range, after: before, in: tracker)
            write(rest)
            tracker.pointee.byteCount &+= UInt32(rest.count)
        }
        if before >= 0 { tracker.pointee.recentPiece = before }
        return change
    }

    /// The first piece that ends behind an offset, and the one before it; -1 where there is none.
    private func place(
        of offset: UInt32, in tracker: UnsafeMutablePointer<Tracker>
    ) -> (before: Int32, piece: Int32) {
        var before: Int32 = -1
        var piece = tracker.pointee.firstPiece
        let recent = tracker.pointee.recentPiece
        if recent >= 0, pieces.slots[Int(recent)].range.upperBound <= offset {
            before = recent
            piece = pieces.slots[Int(recent)].next
        }
        while piece >= 0, pieces.slots[Int(piece)].range.upperBound <= offset {
            before = piece
            piece = pieces.slots[Int(piece)].next
        }
        return (before, piece)
    }

    /// Adds a piece to the list behind another, or in front of all.
    private func link(
        _ part: Range<UInt32>, of fragment: Range<UInt32>, after before: Int32,
        in tracker: UnsafeMutablePointer<Tracker>
    ) -> Int32 {
        let new = pieces.take()
        tracker.pointee.pieceCount &+= 1
        let next = before >= 0 ? pieces.slots[Int(before)].next : tracker.pointee.firstPiece
        (pieces.slots + Int(new)).initialize(
            to: Piece(range: part, fragment: fragment, next: next))
        if before >= 0 {
            pieces.slots[Int(before)].next = new
        } else {
            tracker.pointee.firstPiece = new
        }
        return new
    }

    /// Lets a part of a piece belong to another fragment, splitting off what stays before and
    /// behind it.
    ///
    /// - Returns: what follows the part; `before` becomes the part itself.
    private func replace(
        _ part: Range<UInt32>, of fragment: Range<UInt32>, in piece: Int32,
        after before: inout Int32, in tracker: UnsafeMutablePointer<Tracker>
    ) -> Int32 {
        let old = pieces.slots[Int(piece)]
        if old.range.lowerBound < part.lowerBound {
            pieces.slots[Int(piece)].range = old.range.lowerBound..<part.lowerBound
            before = link(part, of: fragment, after: piece, in: tracker)
        } else {
            pieces.slots[Int(piece)].range = part
            pieces.slots[Int(piece)].fragment = fragment
            before = piece
        }
        if part.upperBound < old.range.upperBound {
            _ = link(
                part.upperBound..<old.range.upperBound, of: old.fragment, after: before,
                in: tracker)
        }
        return pieces.slots[Int(before)].next
    }

    /// Where the last piece ends.
    func lastEnd(_ tracker: UnsafeMutablePointer<Tracker>) -> UInt32 {
        var piece = tracker.pointee.recentPiece
        var end: UInt32 = 0
        while piece >= 0 {
            end = pieces.slots[Int(piece)].range.upperBound
            piece = pieces.slots[Int(piece)].next
        }
        return end
    }

    // MARK: Pages

    /// The bytes of a page of the payload, of a new one if it has not been written to.
    private func page(
        _ number: Int32, of tracker: UnsafeMutablePointer<Tracker>
    ) -> UnsafeMutableRawPointer {
        var slot = tracker.pointee.firstPage
        while slot >= 0, pages.slots[Int(slot)].number != number {
            slot = pages.slots[Int(slot)].next
        }
        if slot < 0 {
            slot = pages.take()
            (pages.slots + Int(slot)).initialize(
                to: Page(number: number, next: tracker.pointee.firstPage))
            tracker.pointee.firstPage = slot
        }
        return bytes(ofPage: slot)
    }

    private func bytes(ofPage slot: Int32) -> UnsafeMutableRawPointer {
        pageBytes + Int(slot) &* Self.pageByteCount
    }

    /// Calls `body` with each run of a range that lies within one page: its bytes there, and its
    /// offset in the payload.
    @inline(__always)
    private func forEachRun(
        in part: Range<UInt32>, of tracker: UnsafeMutablePointer<Tracker>,
        _ body: (UnsafeMutableRawPointer, _ offset: Int, _ count: Int) -> Void
    ) {
        var offset = Int(part.lowerBound)
        let end = Int(part.upperBound)
        while offset < end {
            let within = offset & (Self.pageByteCount - 1)
            let count = min(Self.pageByteCount &- within, end &- offset)
            let number = Int32(truncatingIfNeeded: offset / Self.pageByteCount)
            body(page(number, of: tracker) + within, offset, count)
            offset &+= count
        }
    }

    private func copy(
        _ payload: UnsafeRawBufferPointer, of range: Range<UInt32>, _ part: Range<UInt32>,
        into tracker: UnsafeMutablePointer<Tracker>
    ) {
        forEachRun(in: part, of: tracker) { bytes, offset, count in
            let from = offset &- Int(range.lowerBound)
            UnsafeMutableRawBufferPointer(start: bytes, count: count).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: payload[from..<from &+ count]))
        }
    }

    private func differs(
        _ payload: UnsafeRawBufferPointer, of range: Range<UInt32>, _ part: Range<UInt32>,
        from tracker: UnsafeMutablePointer<Tracker>
    ) -> Bool {
        var isDifferent = false
        forEachRun(in: part, of: tracker) { bytes, offset, count in
            let from = offset &- Int(range.lowerBound)
            let kept = UnsafeRawBufferPointer(start: bytes, count: count)
            if !kept.elementsEqual(payload[from..<from &+ count]) { isDifferent = true }
        }
        return isDifferent
    }

    // MARK: Datagrams

    func saveHeader(
        _ fragment: Fragment, of packet: Packet, in tracker: UnsafeMutablePointer<Tracker>
    ) {
        if tracker.pointee.headerPage < 0 { tracker.pointee.headerPage = pages.take() }
        let count = fragment.header.count
        tracker.pointee.headerByteCount = UInt16(truncatingIfNeeded: count)
        let bytes = UnsafeMutableRawBufferPointer(
            start: bytes(ofPage: tracker.pointee.headerPage), count: count)
        bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: packet.bytes[fragment.header]))
        if fragment.key.ipVersion == 6 { bytes[fragment.nextHeaderOffset] = fragment.nextHeader }
    }

    func isComplete(_ slot: Int32) -> Bool {
        let tracker = trackers.slots + Int(slot)
        return tracker.pointee.headerPage >= 0
            && tracker.pointee.byteCount == tracker.pointee.totalByteCount
    }

    /// The whole datagram, as if it had never been in pieces; nil if the header of the first
    /// fragment makes it too long.
    func assemble(_ slot: Int32, arena: Arena) -> UnsafeRawBufferPointer? {
        let tracker = trackers.slots[Int(slot)]
        let headerByteCount = Int(tracker.headerByteCount)
        let total = Int(tracker.totalByteCount)
        let isV4 = tracker.key.ipVersion == 4
        let lengthField = total &+ headerByteCount &- (isV4 ? 0 : IPv6Header.byteCount)
        guard lengthField <= Self.datagramByteCountMax else { return nil }
        let datagram = arena.allocate(byteCount: headerByteCount &+ total)
        UnsafeMutableRawBufferPointer(rebasing: datagram[..<headerByteCount]).copyMemory(
            from: UnsafeRawBufferPointer(
                start: bytes(ofPage: tracker.headerPage), count: headerByteCount))
        var page = tracker.firstPage
        while page >= 0 {
            let offset = Int(pages.slots[Int(page)].number) &* Self.pageByteCount
            let count = min(Self.pageByteCount, total &- offset)
            let start = headerByteCount &+ offset
            UnsafeMutableRawBufferPointer(rebasing: datagram[start..<start &+ count]).copyMemory(
                from: UnsafeRawBufferPointer(start: bytes(ofPage: page), count: count))
            page = pages.slots[Int(page)].next
        }
        let length = UInt16(truncatingIfNeeded: lengthField).bigEndian
        datagram.storeBytes(of: length, toByteOffset: isV4 ? 2 : 4, as: UInt16.self)
        if isV4 {
            datagram.storeBytes(of: 0, toByteOffset: 6, as: UInt16.self)
            datagram.storeBytes(of: 0, toByteOffset: 10, as: UInt16.self)
            let header = UnsafeRawBufferPointer(rebasing: datagram[..<headerByteCount])
            let checksum = ~InternetChecksum.fold(InternetChecksum.sum(header.bytes))
            datagram.storeBytes(of: checksum, toByteOffset: 10, as: UInt16.self)
        }
        return UnsafeRawBufferPointer(datagram)
    }
}
