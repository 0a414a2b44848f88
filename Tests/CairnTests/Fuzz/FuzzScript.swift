/// What happens, one after the other, as written in the bytes of a fuzzer: who sends what, what is
/// lost, who ends.
///
///      0         1         4
///     +---------+---------+--------------------------------------
///     | choices | pieces  | bytes with commands among them
///     +---------+---------+--------------------------------------
///
/// A command is the byte F7 and a letter, so that a part of an input means the same elsewhere:
///
/// | command | meaning |
/// | --- | --- |
/// | `F7 '>'` | the client sends what follows; so it is at the beginning |
/// | `F7 '<'` | the server sends what follows |
/// | `F7 '-' n` | n² bytes are missing |
/// | `F7 '.'` | whoever sends has nothing more to send |
/// | `F7` else | the byte F7, and the other one |
struct FuzzScript {
    enum Step: Equatable {
        case data([UInt8], isFromClient: Bool)
        case gap(Int, isFromClient: Bool)
        case end(isFromClient: Bool)

        var isFromClient: Bool {
            switch self {
            case .data(_, let isFromClient), .gap(_, let isFromClient), .end(let isFromClient):
                isFromClient
            }
        }
    }

    static let command: UInt8 = 0xf7

    /// Bits that a target uses as it likes.
    let choices: UInt8
    /// Sizes of the pieces that data is cut into, used in turn; 0 is all the rest.
    let pieceByteCounts: [Int]
    private(set) var steps: [Step] = []

    init(_ input: [UInt8]) {
        choices = input.first ?? 0
        pieceByteCounts = input.dropFirst().prefix(3).map(Int.init)
        var rest = input.dropFirst(4)
        var data: [UInt8] = []
        var isFromClient = true
        while let byte = rest.popFirst() {
            guard byte == Self.command, let letter = rest.popFirst() else {
                data.append(byte)
                continue
            }
            var step: Step?
            var isNextFromClient = isFromClient
            switch letter {
            case UInt8(ascii: ">"): isNextFromClient = true
            case UInt8(ascii: "<"): isNextFromClient = false
            case UInt8(ascii: "."): step = .end(isFromClient: isFromClient)
            case UInt8(ascii: "-"):
                let root = Int(rest.popFirst() ?? 1)
                step = .gap(root * root, isFromClient: isFromClient)
            default:
                data += [byte, letter]
                continue
            }
            if !data.isEmpty { steps.append(.data(data, isFromClient: isFromClient)) }
            if let step { steps.append(step) }
            data = []
            isFromClient = isNextFromClient
        }
        if !data.isEmpty { steps.append(.data(data, isFromClient: isFromClient)) }
    }

    /// The same with data cut into pieces.
    var inPieces: [Step] {
        var sizes = 0
        return steps.flatMap { step -> [Step] in
            guard case .data(let bytes, let isFromClient) = step, !pieceByteCounts.isEmpty else {
                return [step]
            }
            var rest = bytes[...]
            var pieces: [Step] = []
            while !rest.isEmpty {
                let size = pieceByteCounts[sizes % pieceByteCounts.count]
                sizes += 1
                let piece = size == 0 ? rest : rest.prefix(size)
                pieces.append(.data(Array(piece), isFromClient: isFromClient))
                rest = rest.dropFirst(piece.count)
            }
            return pieces
        }
    }
}

/// Copies bytes to memory of just their size, so that a read behind them is found.
func withExactCopy<Result>(
    _ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> Result
) rethrows -> Result {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { copy.deallocate() }
    copy.copyBytes(from: bytes)
    return try body(UnsafeRawBufferPointer(copy))
}

/// The lines from which on what came of a whole and a cut input differs.
func fuzzDifference(_ whole: [UInt8], _ pieces: [UInt8]) -> String {
    func lines(_ text: [UInt8]) -> [String] {
        text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
    }
    let (whole, pieces) = (lines(whole), lines(pieces))
    let common = zip(whole, pieces).prefix { $0 == $1 }.count
    func rest(_ lines: [String]) -> String {
        lines.dropFirst(max(0, common - 1)).prefix(60).joined(separator: "\n  ")
    }
    return "whole:\n  \(rest(whole))\nin pieces:\n  \(rest(pieces))"
}
