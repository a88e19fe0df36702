internal import StarlingCommandLine

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Two network namespaces of Linux with a cable between them, which can be cut: what a partition is to real sockets.
///
/// They are made with `ip` of iproute2, which takes root. A lab that is killed leaves them behind; `ip netns del` removes
/// them.
struct LabNamespaces: Sendable {
    private static let device = "lab0"

    /// Their names; a process in one reaches the other over the cable alone.
    let names: [String]
    /// The IPv4 address of each.
    let hosts: [UInt32] = [0x0A4D_0001, 0x0A4D_0002]

    /// Whether what `ip` says of its own is nobody's business.
    private let isQuiet: Bool

    /// Makes both, and the cable.
    init(isQuiet: Bool = false) throws(Diagnostic) {
        self.isQuiet = isQuiet
        guard geteuid() == 0 else { throw Self.notPossible("it takes root") }
        names = (0..<2).map { "starling-lab-\(getpid())-\($0)" }
        do throws(Diagnostic) {
            for name in names { try ip(["netns", "add", name]) }
            try ip(
                ["link", "add", Self.device, "netns", names[0], "type", "veth"]
                    + ["peer", "name", Self.device, "netns", names[1]]
            )
            for (name, number) in zip(names, 1...) {
                try ip(["-n", name, "addr", "add", "10.77.0.\(number)/24", "dev", Self.device])
                try ip(["-n", name, "link", "set", "lo", "up"])
                try ip(["-n", name, "link", "set", Self.device, "up"])
            }
        } catch {
            remove()
            throw error
        }
    }

    /// Why there can be none here; `nil` when they can be made, and are gone again.
    static var obstacle: String? {
        do throws(Diagnostic) {
            try LabNamespaces(isQuiet: true).remove()
            return nil
        } catch {
            return error.message
        }
    }

    /// Words before those of a program that is to run in one of them.
    func launcher(_ side: Int) -> [String] { ["ip", "netns", "exec", names[side]] }

    func cut() throws(Diagnostic) { try ip(["-n", names[0], "link", "set", Self.device, "down"]) }

    func mend() throws(Diagnostic) { try ip(["-n", names[0], "link", "set", Self.device, "up"]) }

    /// Removes both; processes in them have ended by then.
    func remove() { for name in names { try? ip(["netns", "del", name]) } }

    private func ip(_ words: [String]) throws(Diagnostic) {
        var pid = pid_t()
        var arguments = (["ip"] + words).map { strdup($0) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
        #else
            var actions = posix_spawn_file_actions_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if isQuiet { posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0) }
        let status = posix_spawnp(&pid, "ip", &actions, nil, arguments, environ)
        guard status == 0 else {
            throw Self.notPossible("ip cannot be started: \(String(cString: strerror(status)))")
        }
        var outcome: Int32 = 0
        while waitpid(pid, &outcome, 0) < 0, errno == EINTR {}
        guard outcome == 0 else { throw Self.notPossible("ip \(words.joined(separator: " ")) failed") }
    }

    private static func notPossible(_ why: String) -> Diagnostic {
        Diagnostic(
            code: "system",
            message: "there can be no network namespaces here: \(why).",
            nextStep: "Run it as root on Linux, with iproute2, or leave out --scenario partition."
        )
    }
}
