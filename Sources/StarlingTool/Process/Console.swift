internal import StarlingCommandLine
internal import StarlingCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Standard output for data, standard error for talk.
struct Console: Sendable {
    /// How data looks when people read it.
    let outputStyle: TextStyle
    let talkStyle: TextStyle
    let isOutputTerminal: Bool
    let isTalkTerminal: Bool

    init() {
        let (noColor, term) = (Environment["NO_COLOR"], Environment["TERM"])
        isOutputTerminal = isatty(STDOUT_FILENO) == 1
        outputStyle = TextStyle(isTerminal: isOutputTerminal, noColor: noColor, term: term)
        isTalkTerminal = isatty(STDERR_FILENO) == 1
        talkStyle = TextStyle(isTerminal: isTalkTerminal, noColor: noColor, term: term)
    }

    /// Writes data at once.
    ///
    /// - Throws: `output_failed` when not all of it went out: nobody has seen the rest.
    func write(_ text: String) throws(Diagnostic) {
        guard let reason = Self.write(text, to: STDOUT_FILENO) else { return }
        throw Diagnostic(
            code: "output_failed",
            message: "standard output takes no more: \(reason).",
            nextStep: "Send it where there is room and somebody reads."
        )
    }

    func say(_ text: String) { _ = Self.write(text, to: STDERR_FILENO) }

    func say(_ diagnostic: Diagnostic) {
        say(diagnostic.render(program: CommandTable.starling.program, style: talkStyle))
    }

    /// Says what went wrong: a line for people, or an object for programs.
    func say(_ diagnostic: Diagnostic, isJSON: Bool) {
        if isJSON { say(diagnostic.json.text + "\n") } else { say(diagnostic) }
    }

    /// Why not all was written; `nil` when it was.
    private static func write(_ text: String, to descriptor: Int32) -> String? {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { unsafe systemWrite(descriptor, $0) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return String(cString: strerror(errno)) }
            bytes = bytes.dropFirst(count)
        }
        return nil
    }

    private static func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
            Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        #elseif canImport(Musl)
            Musl.write(descriptor, bytes.baseAddress, bytes.count)
        #else
            Darwin.write(descriptor, bytes.baseAddress, bytes.count)
        #endif
    }
}

/// The process's environment variables.
enum Environment {
    static subscript(name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }
}
