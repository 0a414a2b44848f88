import CPCRE2

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The regular expressions of a rule set, compiled once and shared by all shards. Equal expressions are one.
final class RegexTable: @unchecked Sendable {
    let codes = FlatTable<OpaquePointer>()
    private var indices: [RegexPattern: Int] = [:]
    /// Which have machine code by now, under the lock: few expressions of a large set are ever run.
    private var isTranslated: [Bool] = []
    private let lock: UnsafeMutablePointer<pthread_mutex_t>

    init() {
        lock = .allocate(capacity: 1)
        lock.initialize(to: pthread_mutex_t())
        pthread_mutex_init(lock, nil)
    }

    deinit {
        for index in 0..<codes.count { pcre2_code_free_8(codes.elements[index]) }
        pthread_mutex_destroy(lock)
        lock.deallocate()
    }

    /// Sees to it that an expression has machine code. Whoever runs one must have asked for it before, so that nobody
    /// runs it meanwhile.
    func translate(_ index: Int) {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        guard !isTranslated[index] else { return }
        isTranslated[index] = true
        // Where there is no JIT for a machine or an expression, the interpreter does it.
        _ = pcre2_jit_compile_8(codes.elements[index], UInt32(PCRE2_JIT_COMPLETE))
    }

    /// Compiles an expression and gives its index.
    ///
    /// - Throws: `RegexProblem` with PCRE2's reason.
    func add(_ pattern: RegexPattern) throws(RegexProblem) -> Int {
        if let index = indices[pattern] { return index }
        var error: Int32 = 0
        var errorOffset = 0
        let bytes = Array(pattern.pattern.utf8)
        guard
            let code = pcre2_compile_8(
                bytes, bytes.count, pattern.compileOptions, &error, &errorOffset, nil)
        else { throw RegexProblem(reason: pattern.problem ?? "PCRE2 error \(error)") }
        isTranslated.append(false)
        let index = Int(codes.append(code))
        indices[pattern] = index
        return index
    }
}

/// Why an expression does not compile.
struct RegexProblem: Error {
    var reason: String
    /// It is the file of a set that is wrong.
    var isOfSet = false
}

/// Runs the expressions of a table: what PCRE2 needs for it, once a shard.
final class RegexRunner {
    private let table: RegexTable
    private let data: OpaquePointer
    private let context: OpaquePointer
    private let stack: OpaquePointer?
    /// Expressions that were asked for before.
    private var isReady: [Bool] = []
    /// Runs that were given up because the expression had too much to try.
    private(set) var limitCount: UInt64 = 0
    /// The last run was given up, which is neither a match nor the lack of one.
    private(set) var hasGivenUp = false

    /// Groups of which the places are kept, the whole match among them.
    private static let groupCountMax = 16

    init(_ table: RegexTable, matchLimit: Int, depthLimit: Int) {
        guard let data = pcre2_match_data_create_8(UInt32(Self.groupCountMax), nil),
            let context = pcre2_match_context_create_8(nil)
        else { preconditionFailure("out of memory") }
        self.table = table
        self.data = data
        self.context = context
        pcre2_set_match_limit_8(context, UInt32(clamping: matchLimit))
        pcre2_set_depth_limit_8(context, UInt32(clamping: depthLimit))
        stack = pcre2_jit_stack_create_8(32 * 1024, 512 * 1024, nil)
        pcre2_jit_stack_assign_8(context, nil, stack.map { UnsafeMutableRawPointer($0) })
    }

    deinit {
        pcre2_match_data_free_8(data)
        pcre2_match_context_free_8(context)
        if let stack { pcre2_jit_stack_free_8(stack) }
    }

    /// Searches for an expression in the bytes of a text from `origin` on; `^` stands for `origin`.
    ///
    /// - Parameters:
    ///   - start: where the match may begin, at `origin` or behind it.
    ///   - beginsThere: whether `origin` is the beginning that `^` means.
    /// - Returns: the place of the match in `text`; nil also where the search was given up.
    func match(
        _ index: Int, in text: UnsafeRawBufferPointer, origin: Int = 0, from start: Int = 0,
        beginsThere: Bool = true
    ) -> Range<Int>? {
        hasGivenUp = false
        guard origin >= 0, origin <= start, start <= text.count else { return nil }
        if index >= isReady.count || !isReady[index] { prepare(index) }
        // An empty text may have no address, which PCRE2 does not take.
        let base = text.baseAddress ?? UnsafeRawPointer(data)
        let subject = (base + origin).assumingMemoryBound(to: UInt8.self)
        let result = pcre2_match_8(
            table.codes.elements[index], subject, text.count &- origin, start &- origin,
            beginsThere ? 0 : UInt32(PCRE2_NOTBOL), data, context)
        guard result >= 0 else {
            hasGivenUp = result != PCRE2_ERROR_NOMATCH
            if hasGivenUp { limitCount &+= 1 }
            return nil
        }
        guard let places = pcre2_get_ovector_pointer_8(data), places[0] <= places[1] else {
            return nil
        }
        return origin &+ places[0]..<origin &+ places[1]
    }

    private func prepare(_ index: Int) {
        table.translate(index)
        while isReady.count <= index { isReady.append(false) }
        isReady[index] = true
    }

    /// The place of a group in the last match, counted from its `origin`; nil if it took no part.
    func group(_ number: Int) -> Range<Int>? {
        guard number < Self.groupCountMax, let places = pcre2_get_ovector_pointer_8(data),
            places[2 * number] != .max, places[2 * number] <= places[2 * number + 1]
        else { return nil }
        return places[2 * number]..<places[2 * number + 1]
    }
}
