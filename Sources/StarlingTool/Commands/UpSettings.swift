internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingMesh
internal import StarlingNode
internal import StarlingWorld

/// What `starling up` was asked for, read from its flags.
struct UpSettings: Sendable {
    /// Where to listen; nil for the default ports.
    var listenAddresses: [Multiaddr]?
    var bootstrapAddresses: [Multiaddr]
    var usesMDNS: Bool
    var usesRoutes: Bool
    /// Nil for staying connected to those only that were dialled.
    var topology: Topology.Policy?
    /// Nil for what suits the machine.
    var capacity: Int?
    var mailbox = MailboxConfiguration()
    var name: String?
    /// Whether a node has told routes in the home before.
    var hasToldRoutes = false
    /// Protocols that secure connections, the preferred one first.
    var securities: [String]
    /// Nil for as many as suit the machine.
    var loopCount: Int?
    /// Nil to scale with the machine.
    var memoryByteCountMax: Int?
    var connectionCountMax: Int?
    /// Nil for as many as suit most.
    var routeCountMax: Int?
    var measurableBy: Diagnostics.Audience
    var logLevel: LogLevel

    init(_ invocation: Invocation) throws(Diagnostic) {
        try Self.refuseIdleFlags(invocation)
        let listen = try Self.addresses(invocation, StarlingFlags.listen)
        listenAddresses = listen.isEmpty ? nil : listen
        bootstrapAddresses = try Self.addresses(invocation, StarlingFlags.bootstrap)
        for address in bootstrapAddresses where address.peerID == nil {
            throw Diagnostic(
                code: "invalid_multiaddr",
                message: "the bootstrap address \(address) names no peer.",
                nextStep: "Add /p2p/ and the PeerID at its end."
            )
        }
        mailbox.addresses = try Self.addresses(invocation, StarlingFlags.mailbox)
        mailbox.policy = try Self.policy(
            invocation.all(StarlingFlags.keepsMailFor),
            known: bootstrapAddresses + mailbox.addresses
        )
        if let byteCount = invocation[StarlingFlags.mailSpace] {
            mailbox.shelfLimits = MailboxShelf.Limits(byteCountMax: byteCount)
        }
        if let lifetime = invocation[StarlingFlags.mailLifetime] { mailbox.shelfLimits.lifetime = lifetime }
        try Self.checkMailboxes(mailbox.addresses)
        usesMDNS = !invocation[StarlingFlags.noMDNS]
        usesRoutes = !invocation[StarlingFlags.noRoutes]
        topology = Topology.Policy(rawValue: invocation[StarlingFlags.topology] ?? "mesh")
        capacity = invocation[StarlingFlags.capacity]
        name = invocation[StarlingFlags.name]
        securities = invocation[StarlingFlags.security] ?? ["noise", "tls"]
        loopCount = invocation[StarlingFlags.loops]
        memoryByteCountMax = invocation[StarlingFlags.memoryMax]
        connectionCountMax = invocation[StarlingFlags.connectionsMax]
        routeCountMax = invocation[StarlingFlags.routesMax]
        measurableBy = invocation[StarlingFlags.measurable].flatMap(Diagnostics.Audience.init) ?? .near
        logLevel =
            switch invocation[StarlingFlags.logLevel] {
            case "trace": .trace
            case "debug": .debug
            case "warning": .warning
            case "error": .error
            default: .info
            }
    }

    /// Refuses flags that would change nothing.
    private static func refuseIdleFlags(_ invocation: Invocation) throws(Diagnostic) {
        let ofRoutes = [
            StarlingFlags.topology.spec, StarlingFlags.routesMax.spec, StarlingFlags.capacity.spec,
        ]
        if invocation[StarlingFlags.noRoutes], let flag = ofRoutes.first(where: invocation.names) {
            throw Diagnostic(
                code: "misused",
                message: "a node with --no-routes has no use for \(flag.dashed).",
                nextStep: "Use one of the two."
            )
        }
        let ofMail = [StarlingFlags.mailSpace.spec, StarlingFlags.mailLifetime.spec]
        if !invocation.names(StarlingFlags.keepsMailFor.spec),
            let flag = ofMail.first(where: invocation.names)
        {
            throw Diagnostic(
                code: "misused",
                message: "a node that keeps nobody's messages has no use for \(flag.dashed).",
                nextStep: "Say for whom it keeps them with --keeps-mail-for, or go without."
            )
        }
    }

    private static func checkMailboxes(_ addresses: [Multiaddr]) throws(Diagnostic) {
        for address in addresses where address.peerID == nil {
            throw Diagnostic(
                code: "invalid_multiaddr",
                message: "the mailbox's address \(address) names no peer.",
                nextStep: "Add /p2p/ and the PeerID at its end."
            )
        }
        let countMax = MailboxList.Limits().mailboxCountMax
        guard Set(addresses.map(\.peerID)).count <= countMax else {
            throw Diagnostic(
                code: "misused",
                message: "a node has \(countMax) mailboxes at most.",
                nextStep: "Leave some out: each message is left with four of them."
            )
        }
    }

    /// For whom messages are kept, by the words of the flag.
    private static func policy(_ words: [String], known: [Multiaddr]) throws(Diagnostic) -> MailboxPolicy {
        let named = words.compactMap { PeerID($0) }
        let scopes = Set(words.filter { PeerID($0) == nil })
        guard scopes.count + (named.isEmpty ? 0 : 1) <= 1 else {
            throw Diagnostic(
                code: "misused",
                message: "--keeps-mail-for takes either one of nobody, known and anyone, or PeerIDs.",
                nextStep: "Use one of them, or the flag again for each PeerID."
            )
        }
        return switch scopes.first {
        case "known": .contacts(Set(known.compactMap(\.peerID)))
        case "anyone": .anyone
        default: named.isEmpty ? .nobody : .named(Set(named))
        }
    }

    private static func addresses(
        _ invocation: Invocation,
        _ flag: Flag<String>
    ) throws(Diagnostic) -> [Multiaddr] {
        var addresses: [Multiaddr] = []
        for text in invocation.all(flag) {
            do throws(MultiaddrError) {
                addresses.append(try Multiaddr(text))
            } catch {
                throw Diagnostic(
                    code: "invalid_multiaddr",
                    message: "\(flag.spec.dashed) '\(text)' is not a multiaddr: \(error).",
                    nextStep: "One looks like /ip4/0.0.0.0/tcp/4001"
                )
            }
        }
        return addresses
    }
}
