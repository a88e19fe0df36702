internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingNode

// Files of messages: sent with a bar that fills, and saved.
extension ClientCommands {
    /// How long the node may take to copy a file, in or out, unless more time was given.
    private static let copyTimeoutMin: Duration = .seconds(1800)
    private var copyTimeout: Duration { max(Self.copyTimeoutMin, timeout) }
    /// How often the bar is drawn.
    private static let glance: Duration = .milliseconds(200)

    /// Sends a message with a file, and waits for its receipt for as long as the file moves.
    func sendFile(_ message: OutgoingMessage) throws(Diagnostic) -> ExitStatus {
        let bar = StatusLine(console, isShown: console.isTalkTerminal && !invocation[StarlingFlags.json])
        let patience = message.receiptTimeout
        var message = message
        message.receiptTimeout = .zero
        bar.show("taking the file…")
        defer { bar.clear() }
        let json = try client.post("/v1/messages", message.json, timeout: copyTimeout)
        let accepted = try client.value(json, SendReport.self)
        let status: MessageStatus
        do throws(Diagnostic) {
            status = try follow(accepted.messageID, patience, bar)
        } catch {
            // The message is accepted, whatever keeps this command from watching it.
            bar.clear()
            sayWhereToLook(accepted.messageID)
            throw error
        }
        bar.clear()
        guard let report = SendReport(status) else { throw Self.undelivered(status) }
        try show(report.json, as: SendReport.self) { $0.render(style, to: message.to.base58) }
        guard report.state != .delivered else { return .succeeded }
        guard invocation[StarlingFlags.wait] else {
            sayWhereToLook(report.messageID)
            return .succeeded
        }
        throw Self.noReceipt(within: patience, report.obstacle)
    }

    /// Draws the bar until the message is settled, or nothing has moved for so long.
    private func follow(
        _ id: String,
        _ patience: Duration,
        _ bar: StatusLine
    ) throws(Diagnostic) -> MessageStatus {
        var left = patience
        var arrived: Int64 = 0
        while true {
            let wait = min(left, Self.glance)
            let target = "/v1/messages/\(id)?wait_ms=\(wait.milliseconds)"
            let status = try client.value(
                client.get(target, timeout: timeout + Self.slack),
                MessageStatus.self
            )
            if let file = status.file {
                bar.show(file.renderBar(label: status.state.rawValue))
                if file.arrivedByteCount > arrived {
                    (arrived, left) = (file.arrivedByteCount, patience)
                    if status.ended == nil, patience > .zero { continue }
                }
            }
            left -= wait
            if status.ended != nil || left <= .zero { return status }
        }
    }

    func save() throws(Diagnostic) -> ExitStatus {
        let position = Int64(invocation.argument(0) ?? "") ?? 0
        let (isDiscarded, isKept) = (invocation[StarlingFlags.discard], invocation[StarlingFlags.keepMessage])
        if isDiscarded, isKept || invocation.argument(1) != nil {
            throw Diagnostic(
                code: "misused",
                message: "--discard erases the file: it is neither kept nor written anywhere.",
                nextStep: "Go without --discard, or without \(isKept ? "--keep" : "a path")."
            )
        }
        let path = isDiscarded ? nil : try savePath(position)
        let request = FileSaveRequest(position: position, path: path, isTaken: !isKept)
        let json = try client.post("/v1/inbox/save", request.json, timeout: copyTimeout)
        try show(json, as: FileSaved.self) { $0.render(style) }
        return .succeeded
    }

    /// Where the file is written: as it was called where only a folder, or nothing, is named.
    private func savePath(_ position: Int64) throws(Diagnostic) -> String {
        let named = invocation.argument(1) ?? "./"
        guard named.hasSuffix("/") else { return try WorkingFolder.absolute(named) }
        let json = try client.get("/v1/inbox?limit=1&after=\(position - 1)", timeout: timeout)
        let page = try client.value(json, InboxPage.self)
        guard let name = page.messages.first(where: { $0.position == position })?.file?.name else {
            throw Diagnostic(
                code: NodeFailure.Code.invalidRequest.rawValue,
                message: "the message \(position) is not in the inbox, or has no file.",
                nextStep: "See what is there: starling inbox\(home.flagText)"
            )
        }
        return try WorkingFolder.absolute(named + name)
    }
}
