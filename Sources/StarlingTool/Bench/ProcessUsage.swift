internal import CSys

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// What this process has used up to now.
struct ProcessUsage {
    /// User and system time, in seconds.
    var cpuSeconds: Double
    /// The memory that stands behind the process, in bytes.
    var residentByteCount: Int

    #if canImport(Glibc)
        private static let ownProcess = RUSAGE_SELF.rawValue
    #else
        private static let ownProcess = RUSAGE_SELF
    #endif

    /// The state at this moment.
    init() {
        var usage = rusage()
        _ = getrusage(Self.ownProcess, &usage)
        cpuSeconds =
            Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
            + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
        residentByteCount = Self.residentByteCount() ?? Int(usage.ru_maxrss)
    }

    init(cpuSeconds: Double, residentByteCount: Int) {
        self.cpuSeconds = cpuSeconds
        self.residentByteCount = residentByteCount
    }

    /// What is allocated and not freed, in bytes; `nil` where the allocator does not say.
    static func allocatedByteCount() -> Int? {
        let byteCount = csys_allocated_bytes()
        return byteCount >= 0 ? Int(byteCount) : nil
    }

    /// The second number of `/proc/…/statm`, in pages; `nil` where the system has no such file.
    static func residentByteCount(pid: pid_t? = nil) -> Int? {
        guard let text = text(of: "/proc/\(pid.map { "\($0)" } ?? "self")/statm") else { return nil }
        let words = text.split(separator: " ")
        guard words.count > 1, let pageCount = Int(words[1]) else { return nil }
        return pageCount * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// User and system time of another process, in seconds: the twelfth and thirteenth number behind the name in
    /// `/proc/…/stat`, in ticks; `nil` where the system has no such file.
    static func cpuSeconds(pid: pid_t) -> Double? {
        guard let text = text(of: "/proc/\(pid)/stat"), let name = text.lastIndex(of: ")") else { return nil }
        let words = text[name...].split(separator: " ")
        guard words.count > 13, let user = Double(words[12]), let system = Double(words[13]) else {
            return nil
        }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// The beginning of a file that the system makes up.
    private static func text(of path: String) -> String? {
        let descriptor = open(path, O_RDONLY)
        guard descriptor >= 0 else { return nil }
        defer { _ = close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = read(descriptor, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}

/// Time for measuring, from any thread.
enum BenchClock {
    /// Seconds since some moment.
    static var seconds: Double { Double(csys_monotonic_nanoseconds()) / 1e9 }
}
