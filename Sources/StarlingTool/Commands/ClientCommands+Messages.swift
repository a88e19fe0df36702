internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingNode

// Messages: sent, asked after, listed, received.
extension ClientCommands {
    func send() throws(Diagnostic) -> ExitStatus {
        let message = try outgoingMessage()
        if message.filePath != nil { return try sendFile(message) }
        let patience = message.receiptTimeout + Self.slack * 2
        let json = try client.post("/v1/messages", message.json, timeout: patience)
        let report = try client.value(json, SendReport.self)
        try show(json, as: SendReport.self) { $0.render(style, to: message.to.base58) }
        guard report.state != .delivered else { return .succeeded }
        guard invocation[StarlingFlags.wait] else {
            sayWhereToLook(report.messageID)
            return .succeeded
        }
        throw Self.noReceipt(within: message.receiptTimeout, report.obstacle)
    }

    /// Tells how to ask after a message that is under way.
    func sayWhereToLook(_ messageID: String) {
        guard !invocation[StarlingFlags.json] else { return }
        console.say("See what becomes of it: starling message \(messageID)\(home.flagText)\n")
    }

    func broadcast() throws(Diagnostic) -> ExitStatus {
        let text = invocation.argument(0) ?? ""
        let payload = text == "-" ? try StandardInput.readAll() : Array(text.utf8)
        var message = OutgoingBroadcast(
            type: invocation[StarlingFlags.type] ?? OutgoingMessage.typeIfNone,
            payload: payload
        )
        message.contentType = contentType(of: payload)
        if let priority { message.priority = priority }
        if let lifetime = invocation[StarlingFlags.broadcastLifetime] { message.lifetime = lifetime }
        let json = try client.post("/v1/broadcasts", message.json, timeout: timeout)
        try show(json, as: BroadcastReport.self) { $0.render(style) }
        return .succeeded
    }

    private func contentType(of payload: [UInt8]) -> String {
        let isText = String(validating: payload, as: UTF8.self) != nil
        return invocation[StarlingFlags.contentType] ?? (isText ? OutgoingMessage.contentTypeOfTexts : "")
    }

    private var priority: OutgoingMessage.Priority? {
        invocation[StarlingFlags.priority].flatMap(OutgoingMessage.Priority.init)
    }

    private func outgoingMessage() throws(Diagnostic) -> OutgoingMessage {
        let file = invocation[StarlingFlags.file]
        guard let text = invocation.argument(1) ?? file.map({ _ in "" }) else {
            throw Diagnostic(
                code: "misused",
                message: "there is nothing to send.",
                nextStep:
                    "Name a text, - for standard input, or a file with \(StarlingFlags.file.spec.dashed)."
            )
        }
        let payload = text == "-" ? try StandardInput.readAll() : Array(text.utf8)
        var message = OutgoingMessage(
            to: try peer(0),
            type: invocation[StarlingFlags.type] ?? OutgoingMessage.typeIfNone,
            payload: payload,
            receiptTimeout: invocation[StarlingFlags.timeout] ?? OutgoingMessage.receiptTimeoutIfNone
        )
        message.contentType = contentType(of: payload)
        if let priority { message.priority = priority }
        if let word = invocation[StarlingFlags.privacy].flatMap(OutgoingMessage.Privacy.init) {
            message.privacy = word
        }
        if let lifetime = invocation[StarlingFlags.lifetime] { message.lifetime = lifetime }
        if let hopLimit = invocation[StarlingFlags.messageHops] { message.hopLimit = hopLimit }
        message.recordsPath = invocation[StarlingFlags.recordPath]
        message.key = invocation[StarlingFlags.key]
        if let file { message.filePath = try WorkingFolder.absolute(file) }
        return message
    }

    static func noReceipt(within timeout: Duration, _ obstacle: NodeFailure?) -> Diagnostic {
        Diagnostic(
            code: "no_receipt",
            message: "no receipt came within \(DurationText.write(timeout)).",
            nextStep: obstacle?.nextStep ?? "Give it more time with --timeout, or go without --wait."
        )
    }

    func message() throws(Diagnostic) -> ExitStatus {
        let isWaiting = invocation[StarlingFlags.waitForReceipt]
        var left = isWaiting ? timeout : .zero
        let (json, status) = try wait(&left)
        try show(json, as: MessageStatus.self) { $0.render(style) }
        guard isWaiting else { return .succeeded }
        switch status.state {
        case .delivered: return .succeeded
        case .queued, .stored, .sent, .fetching: throw Self.noReceipt(within: timeout, status.obstacle)
        case .expired, .refused: throw Self.undelivered(status)
        }
    }

    /// Why a message ended without being delivered.
    static func undelivered(_ status: MessageStatus) -> Diagnostic {
        if let obstacle = status.obstacle { return Diagnostic(obstacle) }
        return Diagnostic(
            code: status.state.rawValue,
            message: "the message was not delivered: it is \(status.state.rawValue).",
            nextStep: "See what is known of it: starling message \(status.messageID)"
        )
    }

    /// What the node knows of the message once it is settled, or when no time is left.
    private func wait(_ left: inout Duration) throws(Diagnostic) -> (JSON, MessageStatus) {
        while true {
            let wait = min(left, APIRouter.waitMax)
            let target =
                "/v1/messages/\(invocation.argument(0) ?? "")?wait_ms=\(wait.milliseconds)"
            let json = try client.get(target, timeout: wait + timeout)
            let status = try client.value(json, MessageStatus.self)
            left -= wait
            if status.ended != nil || left <= .zero { return (json, status) }
        }
    }

    func outbox() throws(Diagnostic) -> ExitStatus {
        let isEnded = invocation[StarlingFlags.ended]
        let part = isEnded ? OutboxQuery.Part.ended : .waiting
        var target = "/v1/outbox?part=\(part.rawValue)&limit=\(invocation[StarlingFlags.limit] ?? 100)"
        if let after = invocation[StarlingFlags.afterMessage] { target += "&after=\(after)" }
        let json = try client.get(target, timeout: timeout)
        let page = try client.value(json, OutboxPage.self)
        if page.messages.isEmpty && !invocation[StarlingFlags.json] {
            console.say(isEnded ? OutboxPage.noneEndedHint : OutboxPage.emptyHint(flags: home.flagText))
        } else {
            try show(json, as: OutboxPage.self) { $0.render(style) }
        }
        let flags = (isEnded ? " \(StarlingFlags.ended.spec.dashed)" : "") + home.flagText
        if !invocation[StarlingFlags.json], let hint = page.moreHint(flags: flags) { console.say(hint) }
        return .succeeded
    }

    func inbox() throws(Diagnostic) -> ExitStatus {
        if invocation[StarlingFlags.take], invocation[StarlingFlags.after] != nil {
            throw Diagnostic(
                code: "misused",
                message:
                    "--take acknowledges all messages up to the last one shown, and --after leaves some out.",
                nextStep: "Use one of the two; --limit shows the oldest first."
            )
        }
        if invocation[StarlingFlags.follow] { return try InboxFollow(self).run() }
        var target = "/v1/inbox?limit=\(invocation[StarlingFlags.inboxLimit] ?? 100)"
        if let after = invocation[StarlingFlags.after] { target += "&after=\(after)" }
        let json = try client.get(target, timeout: timeout)
        let page = try client.value(json, InboxPage.self)
        if page.isEmpty && !invocation[StarlingFlags.json] {
            console.say(InboxPage.emptyHint)
        } else {
            try show(json, as: InboxPage.self) { $0.render(style, flags: home.flagText) }
        }
        // Only what has been shown is taken: an output that failed ends the command before this.
        if invocation[StarlingFlags.take], let last = page.lastShown { try take(through: last) }
        if !invocation[StarlingFlags.json], let hint = page.moreHint(flags: home.flagText) {
            console.say(hint)
        }
        return .succeeded
    }

    func take(through position: Int64) throws(Diagnostic) {
        _ = try client.post("/v1/inbox/take", InboxTake.through(position).json, timeout: timeout)
    }
}
