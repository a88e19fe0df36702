internal import CSys
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
        do {
            if CommandLineParser.asksForGeneralHelp(words) {
                try console.write(help.overview())
                return .succeeded
            }
            if words.first == "--version" {
                try console.write(Version.line)
                return .succeeded
            }
            let invocation = try CommandLineParser(table: table).parse(words)
            if invocation.wantsHelp {
                try console.write(help.page(invocation.command))
                return .succeeded
            }
            return try run(invocation, help)
        } catch let error as UsageError {
            if error == .noCommand, !wantsJSON {
                console.say(HelpText(table: table, style: console.talkStyle).overview())
            }
            report(Diagnostic(error, program: table.program))
            return .misused
        } catch {
            let diagnostic =
                error as? Diagnostic
                ?? Diagnostic(
                    code: "internal",
                    message: "\(error).",
                    nextStep: "This is a bug of starling: please tell its makers."
                )
            report(diagnostic)
            return diagnostic.exitStatus
        }
    }

    private func report(_ diagnostic: Diagnostic) { console.say(diagnostic, isJSON: wantsJSON) }

    /// Whether failures are told as JSON, also where the command line could not be understood.
    private var wantsJSON: Bool { words.prefix { $0 != "--" }.contains(StarlingFlags.json.spec.dashed) }

    private func run(_ invocation: Invocation, _ help: HelpText) throws -> ExitStatus {
        let isJSON = invocation[StarlingFlags.json]
        switch invocation.command.name {
        case .help:
            let document = HelpDocument(table: table)
            guard let name = invocation.argument(0) else {
                try console.write(isJSON ? document.json.text + "\n" : help.overview())
                return .succeeded
            }
            guard let command = table.command(named: name) else {
                // The parser words the refusal and the suggestion.
                _ = try CommandLineParser(table: table).parse([name])
                return .misused
            }
            try console.write(isJSON ? document.json(command).text + "\n" : help.page(command))
            return .succeeded
        case .version:
            try console.write(isJSON ? Version.json : Version.line)
            return .succeeded
        case .completions:
            let shell = invocation.argument(0) ?? ""
            let script = CompletionScript(table: table).script(for: shell) ?? ""
            let json: JSON = ["shell": .string(shell), "script": .string(script)]
            try console.write(isJSON ? json.text + "\n" : script)
            return .succeeded
        case .down: return try ClientCommands(invocation, console).down()
        case .id: return try ClientCommands(invocation, console).id()
        case .peers: return try ClientCommands(invocation, console).peers()
        case .route: return try ClientCommands(invocation, console).route()
        case .trace: return try ClientCommands(invocation, console).trace()
        case .mailbox: return try ClientCommands(invocation, console).mailbox()
        case .connect: return try ClientCommands(invocation, console).connect()
        case .ping: return try ClientCommands(invocation, console).ping()
        case .send: return try ClientCommands(invocation, console).send()
        case .broadcast: return try ClientCommands(invocation, console).broadcast()
        case .message: return try ClientCommands(invocation, console).message()
        case .outbox: return try ClientCommands(invocation, console).outbox()
        case .inbox: return try ClientCommands(invocation, console).inbox()
        case .save: return try ClientCommands(invocation, console).save()
        case .status: return try ClientCommands(invocation, console).status()
        case .up: return try UpCommand(invocation, console).run()
        case .bench: return try BenchCommand(invocation, console).run()
        case .benchListener: return try BenchListenerCommand(invocation).run()
        case .sim: return try SimCommand(invocation, console).run()
        case .lab: return try LabCommand(invocation, console).run()
        case .labNode:
            // Where the system knows no such wish, the lab ends its nodes all the same, unless it is killed.
            _ = csys_end_with_parent()
            return try UpCommand(invocation, console, responder: LabNodeRouter.make).run()
        case .peer: return try PeerCommand(invocation).run()
        }
    }
}
