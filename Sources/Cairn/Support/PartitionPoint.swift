/// The first index below `count` for which `isReached` holds; `count` if it holds for none. Where it holds it must hold for
/// all that follow.
@inline(__always)
func partitionPoint(below count: Int, where isReached: (Int) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
        let middle = low &+ (high &- low) &>> 1
        if isReached(middle) { high = middle } else { low = middle &+ 1 }
    }
    return low
}
