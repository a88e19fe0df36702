internal import StarlingCommandLine
internal import StarlingWorld

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// A process of this program that the lab started, in a process group of its own: Ctrl-C reaches the lab alone.
struct ChildProcess: Sendable {
    let pid: pid_t

    /// Starts this program with these words; both outputs are appended to the file.
    ///
    /// - Parameter launcher: Another program and its words, which becomes this one.
    init(_ words: [String], launcher: [String] = [], logPath: String) throws(Diagnostic) {
        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
            var attributes: posix_spawnattr_t?
        #else
            var actions = posix_spawn_file_actions_t()
            var attributes = posix_spawnattr_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        let flags = O_WRONLY | O_CREAT | O_APPEND
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, logPath, flags, 0o600)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        // The lab holds its stop signals back; its nodes begin with none held.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP) | Int16(POSIX_SPAWN_SETSIGMASK))
        let line = launcher + [launcher.isEmpty ? Self.program : Self.programPath] + words
        var arguments = line.map { strdup($0) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        var pid = pid_t()
        let status = posix_spawnp(&pid, line[0], &actions, &attributes, arguments, environ)
        guard status == 0 else {
            throw Diagnostic(
                code: "system",
                message: "a node's process cannot start: \(String(cString: strerror(status))).",
                nextStep: "Raise the limit of processes (ulimit -u), or use fewer with --nodes."
            )
        }
        self.pid = pid
    }

    /// This program: the very file that runs, where the system tells it.
    static var program: String {
        let own = "/proc/self/exe"
        return access(own, X_OK) == 0 ? own : CommandLine.arguments[0]
    }

    /// The same by the name of its file, for another process to start.
    private static var programPath: String {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(program, &path, path.count - 1)
        return count > 0
            ? String(decoding: path[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self) : program
    }

    /// Whether the process has ended; then it is gone from the system's table, and nothing else may be asked of it.
    var hasEnded: Bool {
        var status: Int32 = 0
        return waitpid(pid, &status, WNOHANG) != 0
    }

    func terminate() { _ = systemKill(pid, SIGTERM) }

    func kill() { _ = systemKill(pid, SIGKILL) }

    /// User and system time of the process, in seconds; `nil` where the system has no `/proc`.
    var cpuSeconds: Double? { ProcessUsage.cpuSeconds(pid: pid) }

    /// The memory that stands behind the process, in bytes; `nil` where the system has no `/proc`.
    var residentByteCount: Int? { ProcessUsage.residentByteCount(pid: pid) }
}

private func systemKill(_ pid: pid_t, _ signal: Int32) -> Int32 { kill(pid, signal) }
