internal import StarlingCore
internal import StarlingIO
internal import StarlingWorld

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// What this process takes.
struct ProcessUsage: Sendable {
    /// Resident memory, in KiB: now on Linux, the most so far elsewhere.
    var residentKiB: Int
    /// Seconds of processor time, in user code and in the kernel.
    var processorSeconds: Double

    var json: JSON { ["rss_kib": JSON(residentKiB), "cpu_s": .double(processorSeconds)] }

    static var processID: Int32 { getpid() }

    static var current: ProcessUsage {
        var usage = rusage()
        #if canImport(Darwin)
            getrusage(RUSAGE_SELF, &usage)
            let residentKiB = usage.ru_maxrss / 1024
        #else
            getrusage(__rusage_who_t(0), &usage)
            let residentKiB = residentNow ?? usage.ru_maxrss
        #endif
        let seconds = Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        let microseconds = Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
        return ProcessUsage(residentKiB: residentKiB, processorSeconds: seconds + microseconds / 1e6)
    }

    /// The second number of the kernel's line for this process, in pages.
    private static var residentNow: Int? {
        guard let bytes = try? SystemFiles().read("/proc/self/statm", byteCountMax: 4096, isSecret: false)
        else { return nil }
        let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        guard words.count > 1, let pages = Int(words[1]) else { return nil }
        return pages * (sysconf(Int32(_SC_PAGESIZE)) / 1024)
    }
}
