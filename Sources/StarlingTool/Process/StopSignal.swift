#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// The signals that ask the process to stop: Ctrl-C, a service manager, or the process itself.
struct StopSignal: Sendable {
    private let set: sigset_t

    /// Holds the signals back in this thread and in those that it starts: call it before any other thread runs.
    init() {
        var set = sigset_t()
        sigemptyset(&set)
        for number in [SIGINT, SIGTERM] { sigaddset(&set, number) }
        if !Self.isIgnored(SIGHUP) { sigaddset(&set, SIGHUP) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
        self.set = set
    }

    /// Blocks the calling thread until one of the signals comes.
    func wait() {
        var set = set
        var signal: Int32 = 0
        while sigwait(&set, &signal) != 0 {}
    }

    /// Lets the next signal end the process at once, for a user who does not want to wait for the end.
    func restore() {
        var set = set
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }

    /// Whether whoever started the process wants it to outlive the signal, as `nohup` does.
    private static func isIgnored(_ number: Int32) -> Bool {
        let handler = signal(number, SIG_IGN)
        let isIgnored = unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
        if !isIgnored { _ = signal(number, handler) }
        return isIgnored
    }

    /// Sends the process the signal itself; any thread may.
    static func send() { _ = kill(getpid(), SIGTERM) }
}
