extension CommandTable {
    /// The commands of `starling`.
    ///
    /// Parser, help and completions all come from here.
    package static let starling = CommandTable(
        program: "starling",
        summary: "A mesh network for devices that work together without a server.",
        commands: Commands.all,
        commonFlags: StarlingFlags.common
    )
}

private enum Commands {
    typealias Flags = StarlingFlags

    static let all = [
        up, down, id, peers, route, trace, connect, ping, send, broadcast, message, outbox, inbox, save,
        mailbox, status, bench, sim, lab, version, help, completions, peer, benchListener, labNode,
    ]

    /// A PeerID that stands in examples; it is that of no node.
    static let examplePeer = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"

    /// A message's id that stands in examples.
    static let exampleMessage = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"

    static let up = Command(
        .up,
        "Start a node and keep it running in the foreground",
        details: """
            The node listens, finds peers on the LAN by itself, and serves the other commands over a socket in its \
            home folder. It stops on Ctrl-C, and by starling down. With --json the first line of output is \
            {"event":"ready","peer_id":…,"addrs":[…]}.
            """,
        flags: upFlags,
        example: "starling up --listen /ip4/0.0.0.0/tcp/4001 --name kitchen"
    )

    private static let upFlags = [
        Flags.listen.spec, Flags.bootstrap.spec, Flags.noMDNS.spec, Flags.noRoutes.spec, Flags.topology.spec,
        Flags.capacity.spec, Flags.keepsMailFor.spec, Flags.mailSpace.spec, Flags.mailLifetime.spec,
        Flags.mailbox.spec,
        Flags.name.spec, Flags.security.spec,
        Flags.loops.spec, Flags.memoryMax.spec, Flags.connectionsMax.spec, Flags.routesMax.spec,
        Flags.measurable.spec, Flags.logLevel.spec,
    ]

    static let down = Command(
        .down,
        "Stop the node that runs in a home folder",
        details: """
            The node says goodbye to its peers. The command ends when the node has, and another one may be started in the same \
            folder.
            """,
        example: "starling down"
    )

    static let id = Command(
        .id,
        "Show the node's PeerID and addresses",
        details:
            "Works without a running node once it has been started: then it shows the PeerID of its key.",
        example: "starling id --json"
    )

    static let peers = Command(.peers, "List the peers that the node knows", example: "starling peers")

    static let route = Command(
        .route,
        "Show how peers are reached, over whom, and why so",
        example: "starling route"
    )

    static let trace = Command(
        .trace,
        "Show the way that messages to a peer take, hop by hop",
        details: """
            Asks the neighbour over whom they go, which asks its own, and so on. A hop's time is the round trip to it and what \
            the question waited on the way. Each hop speaks for itself: a hostile one can invent what lies behind it.
            """,
        arguments: [ArgumentSpec.peer],
        flags: [Flags.hops.spec],
        example: "starling trace \(examplePeer)"
    )

    static let connect = Command(
        .connect,
        "Connect to a peer",
        arguments: [
            ArgumentSpec.multiaddr(
                "MULTIADDR",
                "where the peer is; with /p2p/PEER_ID at the end, it and nobody else"
            )
        ],
        example: "starling connect /ip4/192.0.2.7/tcp/4001/p2p/\(examplePeer)"
    )

    static let ping = Command(
        .ping,
        "Measure the round trip to a peer",
        details: "Prints the smallest, the median and the 99th percentile round trip, and the path it took.",
        arguments: [ArgumentSpec.peerOrMultiaddr],
        flags: [Flags.count.spec, Flags.interval.spec],
        example: "starling ping \(examplePeer) -c 10 --interval 200ms"
    )

    static let send = Command(
        .send,
        "Send a message to a peer",
        details: """
            The message is on this node's disk before anything is said, and is tried until its lifetime ends, also \
            after a restart. Waits up to --timeout for the recipient's receipt and says whether the message was \
            delivered, sent or is queued; all are a success, unless --wait demands the receipt. TEXT '-' is read \
            from standard input. With --file the receipt says that the recipient has all of the file, and is waited \
            for as long as the file moves.
            """,
        arguments: [
            ArgumentSpec.peer,
            ArgumentSpec(
                "TEXT",
                "the message, or - for standard input",
                isRequired: false,
                accepts: { _ in true }
            ),
        ],
        flags: [
            Flags.type.spec, Flags.contentType.spec, Flags.priority.spec, Flags.privacy.spec,
            Flags.file.spec, Flags.lifetime.spec, Flags.messageHops.spec, Flags.recordPath.spec,
            Flags.key.spec,
            Flags.wait.spec,
        ],
        example: "starling send \(examplePeer) \"the kettle is on\" --wait"
    )

    static let broadcast = Command(
        .broadcast,
        "Send a message to every node that can be reached",
        details: """
            Neighbours carry it on; each node takes it into its inbox once, and nobody gives a receipt. It is signed, and sealed \
            to nobody. Nodes that come within --lifetime get it from those that have it.
            """,
        arguments: [
            ArgumentSpec("TEXT", "the message, or - for standard input", accepts: { _ in true })
        ],
        flags: [
            Flags.type.spec, Flags.contentType.spec, Flags.priority.spec, Flags.broadcastLifetime.spec,
        ],
        example: "starling broadcast \"the kettle is on\" --type ALERT"
    )

    static let message = Command(
        .message,
        "Show what became of a message that was sent",
        details: """
            Its state and times: queued, sent, delivered with the recipient's receipt, expired or refused; and what \
            stands in its way. With --wait it waits up to --timeout for the receipt.
            """,
        arguments: [ArgumentSpec.messageID],
        flags: [Flags.waitForReceipt.spec],
        example: "starling message \(exampleMessage) --wait --timeout 1m"
    )

    static let outbox = Command(
        .outbox,
        "List the messages that are not delivered yet",
        details: """
            Those accepted first stand first, and below them what keeps each recipient from its messages. With --ended \
            it lists those that were delivered, expired or were refused in the last 7 days, the last first.
            """,
        flags: [Flags.ended.spec, Flags.afterMessage.spec, Flags.limit.spec],
        example: "starling outbox --limit 10"
    )

    static let inbox = Command(
        .inbox,
        "Show the messages received",
        details: """
            Lists without consuming; --take acknowledges what it shows, but not what has a file: that stays until it \
            is saved, see save. With --follow it goes on with those that \
            arrive, until Ctrl-C, --timeout or --limit messages; --take then acknowledges each after it was written out.
            """,
        flags: [Flags.follow.spec, Flags.after.spec, Flags.inboxLimit.spec, Flags.take.spec],
        example: "starling inbox --follow --take --json"
    )

    static let save = Command(
        .save,
        "Save the file of a message that was received",
        details: """
            Writes the file to PATH, where nothing may be yet, or into a folder, and acknowledges the message, which \
            erases the node's copy. With --keep the message stays; with --discard only the message goes.
            """,
        arguments: [
            ArgumentSpec(
                "POSITION",
                "the message's place in the inbox, as inbox shows it",
                expectation: "a number from 1",
                accepts: { Int64($0).map { $0 > 0 } ?? false }
            ),
            ArgumentSpec(
                "PATH",
                "where to write it; a folder ends with / (default ./)",
                isRequired: false,
                accepts: { !$0.isEmpty }
            ),
        ],
        flags: [Flags.keepMessage.spec, Flags.discard.spec],
        example: "starling save 7 ./received/"
    )

    static let mailbox = Command(
        .mailbox,
        "Show what the node keeps for peers that are away, and what others keep of its messages",
        details: """
            A node that is started with --keeps-mail-for keeps private messages for those peers until they fetch them; \
            it cannot read them. One that is started with --mailbox has that peer keep its messages. A message that \
            waits for a peer that is away is left with up to four of that peer's mailboxes, and is still this node's to \
            deliver.
            """,
        example: "starling mailbox"
    )

    static let status = Command(.status, "Show what the node is doing", example: "starling status")

    static let bench = Command(
        .bench,
        "Measure speed and memory on this machine",
        details: """
            Starts a second process that listens, and measures between the two: each figure is the median of several \
            rounds. With --target the listener is that peer, and figures of its process are left out. seal, store, enqueue \
            and file need no listener. store, enqueue, delivery, route, urgent and file write to the disk of TMPDIR, file several \
            times its --file-size.
            """,
        arguments: [
            ArgumentSpec.choice(
                "WHAT",
                "what to measure",
                of: BenchSubject.allCases.map(\.rawValue)
            )
        ],
        flags: [
            Flags.target.spec, Flags.benchSecurity.spec, Flags.connections.spec, Flags.benchPrivacy.spec,
            Flags.senders.spec, Flags.payloadBytes.spec, Flags.fileSize.spec,
        ],
        example: "starling bench ping --json"
    )

    static let benchListener = Command(
        .benchListener,
        "Listen for a bench until the end of standard input",
        flags: [
            Flags.benchSecurity.spec, Flags.connections.spec, Flags.listen.spec, Flags.routes.spec,
        ],
        example: "starling bench-listener --security noise",
        isHidden: true
    )

    static let sim = Command(
        .sim,
        "Run many nodes in a simulated network",
        details: """
            Whole nodes, the same code as 'up', in virtual time; one seed always gives one trace. pings, the default: \
            connections break. delivery: messages, while packets are lost, connections break, nodes crash and lose what \
            was not synced, and clocks jump; fails when one is lost, delivered twice or left over, when a route leads in \
            a circle, and from 12 hours on when the nodes' memory grows by more than 5 % in the second half. --list \
            shows what else is built in; a file says it in its own words (docs/scenarios.md).
            """,
        arguments: [
            ArgumentSpec(
                "SCENARIO",
                "what to simulate (default pings): a name that --list shows, or a file",
                isRequired: false,
                candidates: SimScenarioName.allCases.map(\.rawValue)
            )
        ],
        flags: [
            Flags.nodes.spec, Flags.seed.spec, Flags.seeds.spec, Flags.minutes.spec, Flags.hours.spec,
            Flags.runs.spec, Flags.routes.spec, Flags.routesMax.spec, Flags.svg.spec, Flags.list.spec,
        ],
        example: "starling sim soak --nodes 20 --seeds 1..5 --runs 2"
    )

    static let lab = Command(
        .lab,
        "Prove delivery between real nodes on this machine",
        details: """
            Starts nodes as processes of their own, each with its home and port, connects them, and runs scenarios. \
            Only what the recipient's inbox has held counts as delivered. Fails when a scenario falls short.
            """,
        flags: [
            Flags.labNodes.spec, Flags.scenario.spec, Flags.seed.spec, Flags.fileSize.spec, Flags.keep.spec,
        ],
        example: "starling lab --nodes 10 --json"
    )

    static let labNode = Command(
        .labNode,
        "Start a node that ends with the process that started it",
        flags: upFlags,
        example: "starling lab-node --no-mdns",
        isHidden: true
    )

    static let version = Command(.version, "Show the version", example: "starling version")

    static let help = Command(
        .help,
        "Show help, also for one command",
        arguments: [ArgumentSpec("COMMAND", "the command to explain", isRequired: false)],
        example: "starling help send"
    )

    static let completions = Command(
        .completions,
        "Print a completion script for a shell",
        arguments: [ArgumentSpec.choice("SHELL", "the shell", of: ["bash", "zsh", "fish"])],
        example: "starling completions bash > ~/.local/share/bash-completion/completions/starling"
    )

    static let peer = Command(
        .peer,
        "Join the interop matrix",
        flags: [
            Flags.connect.spec, Flags.do.spec, Flags.serve.spec, Flags.stay.spec, Flags.listenList.spec,
            Flags.peerSecurity.spec, Flags.echoProtocol.spec, Flags.peerTimeout.spec,
        ],
        example: "starling peer --do \"sleep 1\"",
        isHidden: true
    )
}

extension ArgumentSpec {
    static let multiaddrExpectation = "a multiaddr such as /ip4/192.0.2.7/tcp/4001"

    static func multiaddr(_ name: String, _ summary: String) -> ArgumentSpec {
        ArgumentSpec(name, summary, expectation: multiaddrExpectation, accepts: isMultiaddr)
    }

    static func choice(
        _ name: String,
        _ summary: String,
        of words: [String],
        isRequired: Bool = true
    ) -> ArgumentSpec {
        ArgumentSpec(
            name,
            summary,
            isRequired: isRequired,
            expectation: "one of " + words.joined(separator: ", "),
            candidates: words,
            accepts: { words.contains($0) }
        )
    }

    static let peer = ArgumentSpec(
        "PEER",
        "the peer's PeerID",
        expectation: "a PeerID such as 12D3KooW…",
        accepts: isPeerID
    )

    static let messageID = ArgumentSpec(
        "ID",
        "the message's id, as send and outbox show it",
        expectation: StarlingFlags.messageIDExpectation,
        accepts: StarlingFlags.isMessageID
    )

    static let peerOrMultiaddr = ArgumentSpec(
        "PEER|MULTIADDR",
        "the peer's PeerID, or where it is",
        expectation: "a PeerID such as 12D3KooW…, or \(multiaddrExpectation)",
        accepts: { isPeerID($0) || isMultiaddr($0) }
    )

    /// Whether the text looks like a multiaddr; the node reads it in full.
    static func isMultiaddr(_ text: String) -> Bool {
        text.hasPrefix("/") && text.split(separator: "/").count >= 2
    }

    /// Whether the text looks like a PeerID in base58 or a CID; the node reads it in full.
    static func isPeerID(_ text: String) -> Bool {
        (40...128).contains(text.utf8.count) && text.utf8.allSatisfy(\.isLetterOrDigit)
    }
}

extension UInt8 {
    var isHexDigit: Bool {
        (0x30...0x39).contains(self) || (0x41...0x46).contains(self) || (0x61...0x66).contains(self)
    }

    fileprivate var isLetterOrDigit: Bool {
        (0x30...0x39).contains(self) || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self)
    }
}
