internal import StarlingCommandLine

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// The signals that ask the process to stop: Ctrl-C, a service manager, or the process itself.
struct StopSignal: Sendable {
    static let numbers = [SIGINT, SIGTERM, SIGHUP]

    private let set: sigset_t

    /// Holds the signals back in this thread and in those that it starts: call it before any other thread runs.
    init() {
        var set = sigset_t()
        sigemptyset(&set)
        for number in Self.numbers where number != SIGHUP || !Self.isIgnored(SIGHUP) {
            sigaddset(&set, number)
        }
        self.set = set
        hold()
    }

    /// Holds the signals back in this thread.
    func hold() {
        var set = set
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Blocks the calling thread until one of the signals comes.
    func wait() {
        var set = set
        var signal: Int32 = 0
        while sigwait(&set, &signal) != 0 {}
    }

    /// Calls `act` on a thread of its own when one of the signals comes, for a thread whose work nothing interrupts.
    func watch(_ act: @escaping @Sendable () -> Void) throws(Diagnostic) {
        let context = Unmanaged.passRetained(StopWatch(signal: self, act: act)).toOpaque()
        #if canImport(Darwin)
            var thread: pthread_t?
            let status = pthread_create(&thread, nil, { StopWatch.takeOver($0).run() }, context)
            if status == 0, let thread { pthread_detach(thread) }
        #else
            var thread = pthread_t()
            let status = pthread_create(&thread, nil, { StopWatch.takeOver($0).run() }, context)
            if status == 0 { pthread_detach(thread) }
        #endif
        guard status == 0 else {
            Unmanaged<StopWatch>.fromOpaque(context).release()
            throw Diagnostic(
                code: "system",
                message: "there is no room for a thread: \(String(cString: strerror(status))).",
                nextStep: "Raise the limit of processes (ulimit -u)."
            )
        }
    }

    /// Lets the next signal end the process at once, for a user who does not want to wait for the end.
    func restore() {
        var set = set
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }

    /// Whether whoever started the process wants it to outlive the signal, as `nohup` does.
    static func isIgnored(_ number: Int32) -> Bool {
        let handler = signal(number, SIG_IGN)
        let isIgnored = unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
        if !isIgnored { _ = signal(number, handler) }
        return isIgnored
    }

    /// Sends the process the signal itself; any thread may.
    static func send() { _ = kill(getpid(), SIGTERM) }
}

/// What a thread that waits for a signal is given.
private final class StopWatch: Sendable {
    private let signal: StopSignal
    private let act: @Sendable () -> Void

    init(signal: StopSignal, act: @escaping @Sendable () -> Void) {
        self.signal = signal
        self.act = act
    }

    /// Takes back what was handed to a thread.
    static func takeOver(_ context: UnsafeMutableRawPointer?) -> StopWatch {
        guard let context else { preconditionFailure("a thread without its watch") }
        return Unmanaged<StopWatch>.fromOpaque(context).takeRetainedValue()
    }

    func run() -> UnsafeMutableRawPointer? {
        signal.wait()
        act()
        return nil
    }
}
