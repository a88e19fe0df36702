/// Every flag of `starling`: the keys with which a command reads its ``Invocation``.
package enum StarlingFlags {
    // Common
    package static let help = Flag<Bool>.toggle("help", short: "h", "Show this help.")
    package static let json = Flag<Bool>.toggle("json", "Print JSON, for programs.")
    package static let timeout = Flag<Duration>.duration(
        "timeout",
        "Give up after this long (default 30s; send 5s, each ping 10s, each wait of lab 1m, bench 3m, none for up, sim and "
            + "inbox --follow). Copying a file has 30m at least."
    )
    package static let home = Flag<String>.text(
        "home",
        "FOLDER",
        "Where the node keeps its key, its messages, their files and its socket (default $XDG_STATE_HOME/starling or ~/.local/state/starling)."
    )
    package static let common = [json.spec, timeout.spec, home.spec, help.spec]

    // up
    package static let listen = Flag<String>.multiaddr(
        "listen",
        isRepeatable: true,
        "Listen here (default: TCP port 4001 on IPv4 and IPv6, or the next free one)."
    )
    package static let bootstrap = Flag<String>.multiaddr(
        "bootstrap",
        isRepeatable: true,
        "Connect to this peer at start."
    )
    package static let noMDNS = Flag<Bool>.toggle(
        "no-mdns",
        "Neither look for nor announce to peers on the LAN."
    )
    package static let noRoutes = Flag<Bool>.toggle(
        "no-routes",
        "Neither reach others over neighbours, nor carry anything of others, nor hear who of the mesh is alive."
    )
    package static let topology = Flag<String>.choice(
        "topology",
        of: ["mesh", "ring", "hierarchical", "adaptive", "off"],
        "To which other nodes to stay connected (default mesh: 3 to 10 of them, near and far; off: to "
            + "those only that were dialled)."
    )
    package static let capacity = Flag<Int>.number(
        "capacity",
        in: 1...65_535,
        "How much this node can carry for others, compared with theirs: who carries most for longest is a super-peer (default: "
            + "processors, at most 16). Low for what runs from a battery."
    )
    package static let keepsMailFor = Flag<String>(
        "keeps-mail-for",
        valueName: "WHO",
        summary:
            "Keep private messages for these peers while they are away: nobody, known (the peers of --bootstrap and "
            + "--mailbox), anyone, or a PeerID (default nobody).",
        isRepeatable: true,
        expectation: "nobody, known, anyone or a PeerID"
    ) { ["nobody", "known", "anyone"].contains($0) || ArgumentSpec.isPeerID($0) ? $0 : nil }
    package static let mailSpace = Flag<Int>.byteCount(
        "mail-space",
        minimum: 1 << 20,
        "Most bytes of messages that are kept for others; a sender has an eighth of it, a recipient a quarter (default 256MiB)."
    )
    package static let mailLifetime = Flag<Duration>.minutes(
        "mail-lifetime",
        upToDays: 30,
        "How long any message is kept for others at most, though its own lifetime may be longer (default 30d)."
    )
    package static let mailbox = Flag<String>.multiaddr(
        "mailbox",
        isRepeatable: true,
        "Have this peer keep messages for this node while it is away; at most 8."
    )
    package static let name = Flag<String>.text(
        "name",
        "TEXT",
        byteCountMax: nameByteCountMax,
        "A name that other nodes show."
    )
    /// Longer ones do not fit what peers keep of an agent version.
    static let nameByteCountMax = 64
    package static let security = Flag<[String]>.list(
        "security",
        of: ["noise", "tls"],
        "Which encryption to offer, the preferred one first (default noise,tls)."
    )
    package static let loops = Flag<Int>.number(
        "loops",
        in: 1...64,
        "Event loops (default: cores, at most 4)."
    )
    package static let memoryMax = Flag<Int>.byteCount(
        "max-memory",
        minimum: 16 << 20,
        "Most memory for connections and streams (default: by the machine)."
    )
    package static let connectionsMax = Flag<Int>.number(
        "max-connections",
        in: 1...1_000_000,
        "Most connections at once (default: by the machine)."
    )
    package static let routesMax = Flag<Int>.number(
        "max-routes",
        in: 16...4096,
        "Most other nodes to keep routes to; those farther away are asked for when needed (default 1024)."
    )
    package static let measurable = Flag<String>.choice(
        "measurable-by",
        of: ["nobody", "near", "anyone"],
        "Who may measure this node with perf and echo (default near: peers on this machine and its networks)."
    )
    package static let logLevel = Flag<String>.choice(
        "log-level",
        of: ["trace", "debug", "info", "warning", "error"],
        "The least level to log (default info)."
    )

    package static let routes = Flag<Bool>.toggle(
        "routes",
        "Let messages cross hops where the scenario does not say so."
    )

    // trace
    package static let hops = Flag<Int>.number(
        "hops",
        in: 1...10,
        "Links that the question may cross (default 10)."
    )

    // ping
    package static let count = Flag<Int>.number(
        "count",
        short: "c",
        in: 1...100_000,
        "How many pings (default 5)."
    )
    package static let interval = Flag<Duration>.duration(
        "interval",
        "Time from one ping to the next (default 1s)."
    )

    // send
    package static let type = Flag<String>.text(
        "type",
        "TYPE",
        byteCountMax: 128,
        "What the message is, such as ALERT or a name of your own (default DATA_MESSAGE)."
    )
    package static let contentType = Flag<String>.text(
        "content-type",
        "MEDIA_TYPE",
        byteCountMax: 128,
        "What the payload is (default text/plain, if it is text)."
    )
    package static let priority = Flag<String>.choice(
        "priority",
        of: ["emergency", "high", "normal", "low"],
        "How urgent it is (default normal)."
    )
    package static let privacy = Flag<String>.choice(
        "privacy",
        of: ["standard", "private"],
        "private seals it to the recipient; standard signs it and encrypts each link (default private)."
    )
    package static let lifetime = Flag<Duration>.duration(
        "lifetime",
        upToHours: 30 * 24,
        "How long it is tried (default 24h)."
    )
    package static let broadcastLifetime = Flag<Duration>.duration(
        "lifetime",
        upToHours: 1,
        "How long nodes that come anew get it, an hour at most (default 5m)."
    )
    package static let messageHops = Flag<Int>.number(
        "hops",
        in: 1...10,
        "Links that it may cross; it waits where all ways are longer (default 10)."
    )
    package static let recordPath = Flag<Bool>.toggle(
        "record-path",
        "Have those who carry it note its way, for starling message."
    )
    package static let key = Flag<String>.text(
        "key",
        "KEY",
        byteCountMax: 64,
        "Your own name for it: sending with the same key again sends nothing new."
    )
    package static let wait = Flag<Bool>.toggle(
        "wait",
        "Fail unless the recipient's receipt arrives in time."
    )

    package static let file = Flag<String>.text(
        "file",
        "PATH",
        byteCountMax: 4096,
        "Send this file with it, of at most 4 GiB; then TEXT may be left out."
    )

    // save
    package static let keepMessage = Flag<Bool>.toggle(
        "keep",
        "Leave the message, and the node's copy of its file, where they are."
    )
    package static let discard = Flag<Bool>.toggle(
        "discard",
        "Write nothing: the message and its file are not wanted."
    )

    // message
    package static let waitForReceipt = Flag<Bool>.toggle(
        "wait",
        "Wait for the recipient's receipt, and fail unless it arrives in time."
    )
    static let messageIDExpectation = "a message's id of 32 hexadecimal digits"

    static func isMessageID(_ text: String) -> Bool {
        text.utf8.count == 32 && text.utf8.allSatisfy(\.isHexDigit)
    }

    // outbox
    package static let ended = Flag<Bool>.toggle(
        "ended",
        "List those that were delivered, expired or were refused, the last first."
    )
    package static let afterMessage = Flag<String>(
        "after",
        valueName: "ID",
        summary: "Go on behind the message of this id.",
        expectation: messageIDExpectation
    ) { isMessageID($0) ? $0 : nil }

    // inbox
    package static let follow = Flag<Bool>.toggle(
        "follow",
        short: "f",
        "Go on with those that arrive, until Ctrl-C; with --json a line for each."
    )
    package static let after = Flag<Int>.number("after", in: 0...(.max), "Only messages past this position.")
    package static let limit = Flag<Int>.number(
        "limit",
        in: 1...1000,
        "At most so many messages (default 100)."
    )
    package static let inboxLimit = Flag<Int>.number(
        "limit",
        in: 1...1000,
        "At most so many messages (default 100; with --follow all that come)."
    )
    package static let take = Flag<Bool>.toggle(
        "take",
        "Acknowledge what is shown, so that it is not shown again."
    )

    // bench
    package static let target = Flag<String>.multiaddr(
        "target",
        isRepeatable: false,
        "Measure against this peer instead of a second process of our own."
    )
    package static let benchSecurity = Flag<String>.choice(
        "security",
        of: ["noise", "tls"],
        "Which encryption (default noise)."
    )
    package static let connections = Flag<Int>.number(
        "connections",
        in: 1...100_000,
        "How many connections the memory bench opens (default 500)."
    )
    package static let benchPrivacy = Flag<String>.choice(
        "privacy",
        of: ["standard", "private"],
        "Whether messages are sealed to their recipient (default standard)."
    )
    package static let senders = Flag<Int>.number(
        "senders",
        in: 1...4096,
        "How many send at the same time, each the next when the last is accepted (default 32)."
    )
    package static let payloadBytes = Flag<Int>.number(
        "bytes",
        in: 16...1_000_000,
        "Bytes of each message (default 1024)."
    )

    /// What a message's file may have.
    private static let fileByteCountMax = 4 << 30
    package static let fileSize = Flag<Int>.byteCount(
        "file-size",
        minimum: 1,
        maximum: fileByteCountMax,
        "How large the file of the large-file and file-over-hops scenarios, or of the file bench, is (default 1GiB)."
    )

    // sim
    package static let nodes = Flag<Int>.number(
        "nodes",
        in: 2...100_000,
        "How many nodes (default: the scenario's; pings 200, delivery 100)."
    )
    package static let seed = Flag<Int>.number("seed", in: 0...(.max), "The seed of all chance (default 1).")
    package static let seeds = Flag<ClosedRange<Int>>(
        "seeds",
        valueName: "A..B",
        summary: "Run all of these seeds, one after the other.",
        expectation: "two numbers such as 1..20, the first not above the second, at most \(seedCountMax)"
    ) { text in
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[1].isEmpty, let first = Int(parts[0]), let last = Int(parts[2]),
            first >= 0,
            first <= last, last - first < seedCountMax
        else { return nil }
        return first...last
    }
    private static let seedCountMax = 10_000
    package static let minutes = Flag<Int>.number(
        "minutes",
        in: 1...10_000,
        "Virtual minutes to run (default: the scenario's; pings 10, delivery 120)."
    )
    package static let hours = Flag<Int>.number("hours", in: 1...1000, "Virtual hours to run.")
    package static let runs = Flag<Int>.number(
        "runs",
        in: 1...100,
        "Run each seed so often and compare the traces (default 1)."
    )
    package static let svg = Flag<String>.text(
        "svg",
        "FILE",
        "Draw what the network looked like at the end, and what each link carried (not with pings and absence)."
    )
    package static let list = Flag<Bool>.toggle("list", "Show the scenarios that are built in.")

    // lab
    package static let labNodes = Flag<Int>.number("nodes", in: 2...500, "How many nodes (default 10).")
    package static let scenario = Flag<String>.choice(
        "scenario",
        of: LabScenarioName.allCases.map(\.rawValue),
        isRepeatable: true,
        "Run only this one (default: all but steady and crash, and partition only where it can run, as root)."
    )
    package static let keep = Flag<Bool>.toggle("keep", "Keep the nodes' homes and logs.")

    // peer
    package static let connect = Flag<String>.multiaddr(
        "connect",
        isRepeatable: true,
        "Dial this peer first."
    )
    package static let `do` = Flag<String>(
        "do",
        valueName: "CMD",
        summary: "Run a command of the interop language.",
        isRepeatable: true,
        expectation: "a command"
    ) { $0.isEmpty ? nil : $0 }
    package static let serve = Flag<Bool>.toggle(
        "serve",
        "Then take commands from standard input until its end."
    )
    package static let stay = Flag<Duration>.seconds("stay", "Then stay up for so many seconds.")
    package static let peerTimeout = Flag<Duration>.seconds(
        "command-timeout",
        "The most time one command may take, in seconds (default 30)."
    )
    package static let peerSecurity = Flag<String>.choice(
        "security",
        of: ["noise", "tls", "any"],
        "The only encryption to offer and accept (default any)."
    )
    package static let listenList = Flag<String>.text(
        "listen",
        "ADDRS",
        "Listen multiaddrs with commas, or 'none'."
    )
    package static let echoProtocol = Flag<String>.text("echo-protocol", "ID", "The protocol to echo.")
}
