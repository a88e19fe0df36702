internal import StarlingCommandLine
internal import StarlingCore

#if canImport(Glibc)
    @preconcurrency internal import Glibc
#elseif canImport(Musl)
    @preconcurrency internal import Musl
#else
    @preconcurrency internal import Darwin
#endif

/// The other process of a bench: this program once more, as the listener.
///
/// It ends when its standard input does, so that it never outlives this process.
final class ListenerProcess {
    /// How long an answer may take, in seconds.
    private static let patience: Double = 60

    /// Where it listens.
    let address: Multiaddr
    private let pid: pid_t
    private let (toIt, fromIt): (Int32, Int32)
    private var talk: BenchPipe

    /// Starts the process and waits until it listens.
    ///
    /// - Parameter home: The folder of its store; `nil` for a store that ends with the process.
    init(_ settings: BenchSettings, home: String? = nil) throws(Diagnostic) {
        var words = [
            CommandName.benchListener.rawValue, StarlingFlags.benchSecurity.spec.dashed,
            settings.securityName,
            StarlingFlags.connections.spec.dashed, "\(settings.connectionCount)",
        ]
        if settings.subject.usesRoutes { words.append(StarlingFlags.routes.spec.dashed) }
        if let home { words += [StarlingFlags.home.spec.dashed, home] }
        let ends = try Self.spawn(words)
        (pid, toIt, fromIt) = (ends.pid, ends.toIt, ends.fromIt)
        talk = BenchPipe(input: ends.fromIt, output: ends.toIt)
        guard let ready = talk.read(patience: Self.patience), let text = ready["addrs"]?[0]?.string,
            let address = try? Multiaddr(text)
        else {
            Self.end(ends.pid, ends.toIt, ends.fromIt)
            throw Diagnostic(
                code: "bench_failed",
                message: "the listening process did not start.",
                nextStep: "See why with: starling \(words.joined(separator: " "))"
            )
        }
        self.address = address
    }

    deinit { Self.end(pid, toIt, fromIt) }

    /// Asks, and waits for the answer.
    func ask(_ request: JSON) throws(Diagnostic) -> JSON {
        guard talk.write(request) else { throw Self.gone }
        return try answer()
    }

    /// Waits for what it says next.
    func answer() throws(Diagnostic) -> JSON {
        guard let answer = talk.read(patience: Self.patience) else { throw Self.gone }
        if let failure = answer["error"]?.string {
            throw Diagnostic(code: "bench_failed", message: "the listener failed: \(failure).", nextStep: "")
        }
        return answer
    }

    /// What the process has used.
    func usage() throws(Diagnostic) -> ProcessUsage {
        let answer = try ask(["do": "usage"])
        return ProcessUsage(
            cpuSeconds: answer["cpu_s"]?.double ?? 0,
            residentByteCount: Int(answer["resident_bytes"]?.integer ?? 0)
        )
    }

    private static let gone = Diagnostic(
        code: "bench_failed",
        message: "the listening process does not answer.",
        nextStep: "Give it more time with --timeout, or try again."
    )

    // MARK: The process

    private static func spawn(
        _ words: [String]
    ) throws(Diagnostic) -> (pid: pid_t, toIt: Int32, fromIt: Int32) {
        let input = try pipeEnds()
        let output = try pipeEnds()
        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
        #else
            var actions = posix_spawn_file_actions_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input.read, STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, output.write, STDOUT_FILENO)
        let program = ChildProcess.program
        var arguments = ([program] + words).map { strdup($0) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        var pid = pid_t()
        let status = posix_spawnp(&pid, program, &actions, nil, arguments, environ)
        _ = close(input.read)
        _ = close(output.write)
        guard status == 0 else {
            _ = close(input.write)
            _ = close(output.read)
            throw Diagnostic(
                code: "system",
                message: "a second process cannot start: \(String(cString: strerror(status))).",
                nextStep: ""
            )
        }
        return (pid, input.write, output.read)
    }

    private static func pipeEnds() throws(Diagnostic) -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw Diagnostic(
                code: "system",
                message: "no pipe can be made.",
                nextStep: "Raise the limit of open files (ulimit -n)."
            )
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    /// Lets the process end by itself for a moment, then sees to it.
    private static func end(_ pid: pid_t, _ toIt: Int32, _ fromIt: Int32) {
        _ = close(toIt)
        let patience = BenchClock.seconds + 2
        var status: Int32 = 0
        while waitpid(pid, &status, WNOHANG) == 0 {
            if BenchClock.seconds > patience {
                _ = kill(pid, SIGKILL)
                _ = waitpid(pid, &status, 0)
                break
            }
            usleep(2000)
        }
        _ = close(fromIt)
    }
}
