internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingNode

/// `starling inbox --follow`: messages as they arrive, until the user or a limit ends it, or the node goes away.
///
/// A message is acknowledged after it was written out, each for itself: what ends the command in between lets it come
/// again, and never loses it.
struct InboxFollow {
    private let commands: ClientCommands
    private let isJSON: Bool
    private let isTaking: Bool

    init(_ commands: ClientCommands) {
        self.commands = commands
        isJSON = commands.invocation[StarlingFlags.json]
        isTaking = commands.invocation[StarlingFlags.take]
    }

    func run() throws(Diagnostic) -> ExitStatus {
        let invocation = commands.invocation
        let end = EndSignal()
        // It stays until the end, which its time brings about as a signal does.
        let deadline: ProcessDeadline? =
            if let timeout = invocation[StarlingFlags.timeout] {
                try ProcessDeadline(timeout) { StopSignal.send() }
            } else {
                nil
            }
        defer { withExtendedLifetime(deadline) {} }
        var left = invocation[StarlingFlags.inboxLimit] ?? .max
        var after = Int64(invocation[StarlingFlags.after] ?? 0)
        var hasAnswered = false
        while left > 0 {
            let page: InboxPage
            do throws(Diagnostic) {
                page = try self.page(after, countMax: min(left, Self.pageMessageCount), end)
            } catch {
                guard hasAnswered, Self.absences.contains(error.code) else { throw error }
                throw Diagnostic(
                    code: "node_gone",
                    message: "the node in \(commands.home.shown) has stopped.",
                    nextStep: "Start it again with: starling up\(commands.home.flagText)"
                )
            }
            hasAnswered = true
            for (position, text) in lines(of: page) {
                try commands.console.write(text + "\n")
                if isTaking { try commands.take(through: position) }
            }
            left -= page.messages.count
            after = page.last
        }
        return .succeeded
    }

    /// Small enough that a page of the largest messages is soon there.
    private static let pageMessageCount = 100
    /// The words of failures that mean that there is no node any more.
    private static let absences = ["no_node", "closed", NodeFailure.Code.stopping.rawValue]

    private func page(_ after: Int64, countMax: Int, _ end: EndSignal) throws(Diagnostic) -> InboxPage {
        let wait = APIRouter.waitMax
        let target =
            "/v1/inbox?limit=\(countMax)&after=\(after)&wait_ms=\(wait.milliseconds)"
        let json = try end.mayEnd { () throws(Diagnostic) in
            try commands.client.get(target, timeout: wait + ClientCommands.slack)
        }
        return try commands.client.value(json, InboxPage.self)
    }

    /// What is written out of each message, in their order.
    private func lines(of page: InboxPage) -> [(position: Int64, text: String)] {
        let (style, flags) = (commands.style, commands.home.flagText)
        let damaged = page.damaged.map { ($0.position, isJSON ? $0.json.text : $0.render(style)) }
        let whole = page.messages.map { message in
            (message.position, isJSON ? message.json.text : message.render(style, flags: flags))
        }
        return (damaged + whole).sorted { $0.0 < $1.0 }
    }
}
