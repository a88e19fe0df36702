#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Ends the process with success on Ctrl-C and its like, at moments where nothing is half done.
struct EndSignal {
    private let set: sigset_t

    /// Holds the signals back in this thread and in those that it starts, except within ``mayEnd(_:)``.
    init() {
        var set = sigset_t()
        sigemptyset(&set)
        for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&set, number) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
        for number in [SIGINT, SIGTERM, SIGHUP] {
            let before = signal(number) { _ in _exit(0) }
            // Who started the process may want it to outlive the signal, as `nohup` does.
            let isIgnored = unsafeBitCast(before, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
            if isIgnored { _ = signal(number, SIG_IGN) }
        }
        self.set = set
    }

    /// Runs what may be broken off at any moment; a signal that came before ends the process here.
    func mayEnd<Value, Failure: Error>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value {
        var set = set
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
        defer { pthread_sigmask(SIG_BLOCK, &set, nil) }
        return try body()
    }
}
