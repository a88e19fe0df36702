#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Ends the process with success on Ctrl-C and its like, at moments where nothing is half done.
struct EndSignal {
    private let stop: StopSignal

    /// Holds the signals back in this thread and in those that it starts, except within ``mayEnd(_:)``.
    init() {
        stop = StopSignal()
        for number in StopSignal.numbers where !StopSignal.isIgnored(number) {
            _ = signal(number) { _ in _exit(0) }
        }
    }

    /// Runs what may be broken off at any moment; a signal that came before ends the process here.
    func mayEnd<Value, Failure: Error>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value {
        stop.restore()
        defer { stop.hold() }
        return try body()
    }
}
