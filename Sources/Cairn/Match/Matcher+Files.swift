/// Rules on files that are about all files that one side sends in a transaction (`files: once` and `again`): forms with
/// several files, mails with attachments. What their tests have met is kept with the transaction that carries the files,
/// a note for each rule of which some test has held.
extension Matcher {
    /// Makes candidates of the rules whose tests other files may have met.
    func takeUpRulesAcrossFiles(_ file: Transaction, _ passes: (Int32) -> Bool) {
        beginLook()
        for rule in file.candidates { _ = takeUp(Int(rule)) }
        func add(_ rule: Int32) {
            if takeUp(Int(rule)), passes(rule) { file.candidates.append(rule) }
        }
        for index in 0..<compiled.rulesAcrossFiles.count {
            add(compiled.rulesAcrossFiles.elements[index])
        }
        for note in file.carrier?.fileNotes ?? [] where note.direction == file.fileDirection {
            add(note.rule)
        }
    }

    /// Whether a rule holds on the present file together with those before. It holds once, or once more when other files
    /// have begun since.
    func holdsAmongFiles(_ number: Int32, _ file: Transaction) -> Bool {
        let rule = compiled.rules.elements + Int(number)
        guard let carrier = file.carrier else { return evaluator.holds(rule) }
        let direction = file.fileDirection
        let place = carrier.fileNotes.firstIndex { $0.rule == number && $0.direction == direction }
        var note =
            place.map { carrier.fileNotes[$0] }
            ?? Transaction.FileNote(rule: number, direction: direction)
        let count = carrier.fileCount(direction)
        if note.firedFileCount > 0, rule.pointee.files == .once || count == note.firedFileCount {
            return false
        }
        let isHeld = evaluator.holds(rule, seen: &note.seen)
        if isHeld { note.firedFileCount = max(1, count) }
        if let place {
            carrier.fileNotes[place] = note
        } else if isHeld || note.seen != 0 {
            carrier.fileNotes.append(note)
        }
        return isHeld
    }
}
