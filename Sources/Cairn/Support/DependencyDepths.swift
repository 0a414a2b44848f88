/// How far each of some things lies above those that need nothing: 0 for these, for others 1 more than
/// the most of what they need; nil for what in the end needs itself, or something that does.
///
/// Takes as many steps as there are things and needs together.
///
/// - Parameter needs: for each thing the places of those that it needs.
func dependencyDepths(_ needs: [[Int]]) -> [Int?] {
    var users = [[Int]](repeating: [], count: needs.count)
    var missing = needs.map(\.count)
    for (place, needed) in needs.enumerated() {
        for other in needed { users[other].append(place) }
    }
    var depths = [Int?](repeating: nil, count: needs.count)
    var ready = needs.indices.filter { missing[$0] == 0 }
    while let place = ready.popLast() {
        depths[place] = needs[place].reduce(0) { max($0, 1 + (depths[$1] ?? 0)) }
        for user in users[place] {
            missing[user] -= 1
            if missing[user] == 0 { ready.append(user) }
        }
    }
    return depths
}
