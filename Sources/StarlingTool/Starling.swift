internal import StarlingCommandLine
internal import StarlingCore

/// One run of the tool: understands the command line and runs the command.
struct Starling {
    private let words: [String]
    private let table = CommandTable.starling
    private let console = Console()

    init(words: [String]) { self.words = words }

    /// Runs the command to its end.
    func run() -> ExitStatus {
        let help = HelpText(table: table, style: console.outputStyle)
        if CommandLineParser.asksForGeneralHelp(words) {
            console.write(help.overview())
            return .succeeded
        }
        if words.first == "--version" {
            console.write(Version.line)
            return .succeeded
        }
        do {
            let invocation = try CommandLineParser(table: table).parse(words)
            if invocation.wantsHelp {
                console.write(help.page(invocation.command))
                return .succeeded
            }
            return try run(invocation, help)
        } catch let error as UsageError {
            if error == .noCommand {
                console.say(HelpText(table: table, style: console.talkStyle).overview())
            }
            report(Diagnostic(error, program: table.program))
            return .misused
        } catch {
            let diagnostic = error as? Diagnostic
            report(diagnostic ?? Diagnostic(code: "internal", message: "\(error).", nextStep: ""))
            return .failed
        }
    }

    /// Says what went wrong: a line for people, or with --json an object for programs; on standard error either way.
    private func report(_ diagnostic: Diagnostic) {
        let isJSON = words.prefix { $0 != "--" }.contains(StarlingFlags.json.spec.dashed)
        if isJSON { console.say(diagnostic.json.text + "\n") } else { console.say(diagnostic) }
    }

    private func run(_ invocation: Invocation, _ help: HelpText) throws -> ExitStatus {
        switch invocation.command.name {
        case .help:
            guard let name = invocation.argument(0) else {
                console.write(help.overview())
                return .succeeded
            }
            guard let command = table.command(named: name) else {
                // The parser words the refusal and the suggestion.
                _ = try CommandLineParser(table: table).parse([name])
                return .misused
            }
            console.write(help.page(command))
            return .succeeded
        case .version:
            console.write(invocation[StarlingFlags.json] ? Version.json : Version.line)
            return .succeeded
        case .completions:
            let script = invocation.argument(0).flatMap { CompletionScript(table: table).script(for: $0) }
            console.write(script ?? "")
            return .succeeded
        case .id: return try ClientCommands(invocation, console).id()
        case .peers: return try ClientCommands(invocation, console).peers()
        case .connect: return try ClientCommands(invocation, console).connect()
        case .ping: return try ClientCommands(invocation, console).ping()
        case .send: return try ClientCommands(invocation, console).send()
        case .inbox: return try ClientCommands(invocation, console).inbox()
        case .status: return try ClientCommands(invocation, console).status()
        case .up: return try UpCommand(invocation, console).run()
        case .bench: return try BenchCommand(invocation, console).run()
        case .benchListener: return try BenchListenerCommand(invocation).run()
        case .sim: return try SimCommand(invocation, console).run()
        case .peer: return try PeerCommand(invocation).run()
        }
    }
}
