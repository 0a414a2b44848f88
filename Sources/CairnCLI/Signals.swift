import Cairn
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What signals asked for: to stop, or to open the outputs again. Handlers only set flags.
final class Signals: Sendable {
    static let shared = Signals()

    /// Set by SIGINT and SIGTERM.
    let stop = StopFlag()
    private let stopSignal = Atomic<Int32>(0)
    private let wantsReopen = Atomic<Bool>(false)

    /// The signal that asked to stop.
    var stopNumber: Int32? {
        let number = stopSignal.load(ordering: .relaxed)
        return number == 0 ? nil : number
    }

    /// Takes over SIGINT, SIGTERM and SIGHUP.
    func install() {
        for number in [SIGINT, SIGTERM] {
            signal(number) { received in
                Signals.shared.stopSignal.store(received, ordering: .relaxed)
                Signals.shared.stop.set()
            }
        }
        signal(SIGHUP) { _ in Signals.shared.wantsReopen.store(true, ordering: .relaxed) }
        // Whoever started this process may have left them blocked.
        var numbers = sigset_t()
        sigemptyset(&numbers)
        for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&numbers, number) }
        pthread_sigmask(SIG_UNBLOCK, &numbers, nil)
    }

    /// Whether the outputs are to be opened again; asking answers the wish.
    func takeReopen() -> Bool { wantsReopen.exchange(false, ordering: .relaxed) }
}
