internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingNode

// Files of messages: sent with a bar that fills, and saved.
extension ClientCommands {
    /// How long the node may take to copy a file, in or out.
    private static let copyTimeout: Duration = .seconds(1800)
    /// How often the bar is drawn.
    private static let glance: Duration = .milliseconds(200)

    /// Sends a message with a file, and waits for its receipt for as long as the file moves.
    func sendFile(_ message: OutgoingMessage) throws(Diagnostic) -> ExitStatus {
        let bar = FileBar(console, isShown: console.isTalkTerminal && !invocation[StarlingFlags.json])
        let patience = message.receiptTimeout
        var message = message
        message.receiptTimeout = .zero
        bar.show("taking the file…")
        defer { bar.clear() }
        let json = try client.post("/v1/messages", message.json, timeout: Self.copyTimeout)
        let accepted = try client.value(json, SendReport.self)
        let status = try follow(accepted.messageID, patience, bar)
        bar.clear()
        let report = SendReport(status)
        try show(report.json, as: SendReport.self) { $0.render(style, to: message.to.base58) }
        switch status.state {
        case .expired, .refused:
            guard let obstacle = status.obstacle else { return .failed }
            throw Diagnostic(obstacle)
        case .queued, .sent, .fetching, .delivered:
            guard invocation[StarlingFlags.wait], report.state != .delivered else { return .succeeded }
            throw Self.noReceipt(within: patience, report.obstacle)
        }
    }

    /// Draws the bar until the message is settled, or nothing has moved for so long.
    private func follow(
        _ id: String,
        _ patience: Duration,
        _ bar: FileBar
    ) throws(Diagnostic) -> MessageStatus {
        var left = patience
        var arrived: Int64 = 0
        while true {
            let wait = min(left, Self.glance)
            let target = "/v1/messages/\(id)?wait_ms=\(wait.nanosecondsClamped / 1_000_000)"
            let status = try client.value(client.get(target, timeout: timeout), MessageStatus.self)
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
        var path: String?
        if !invocation[StarlingFlags.discard] { path = try savePath(position) }
        let isTaken = !invocation[StarlingFlags.keepMessage]
        let request = FileSaveRequest(position: position, path: path, isTaken: isTaken)
        let json = try client.post("/v1/inbox/save", request.json, timeout: Self.copyTimeout)
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

extension SendReport {
    /// What a message's status says of its sending.
    fileprivate init(_ status: MessageStatus) {
        let state: State =
            switch status.state {
            case .delivered: .delivered
            case .sent, .fetching: .sent
            case .queued, .expired, .refused: .queued
            }
        let taken = status.ended.map {
            $0.millisecondsSince1970 - status.accepted.millisecondsSince1970
        }
        self.init(
            messageID: status.messageID,
            state: state,
            roundTrip: state == .delivered ? taken.map { .milliseconds(max(0, $0)) } : nil,
            obstacle: status.obstacle ?? status.file?.obstacle
        )
    }
}

/// A line on the terminal that is drawn again and again; nothing where nobody watches.
private struct FileBar {
    private let console: Console
    private let isShown: Bool

    init(_ console: Console, isShown: Bool) {
        self.console = console
        self.isShown = isShown
    }

    func show(_ line: String) { if isShown { console.say("\r\u{1B}[K\(line)") } }

    func clear() { if isShown { console.say("\r\u{1B}[K") } }
}
