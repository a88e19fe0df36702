// The scenarios that need no file. Each is written as one, and may serve as its pattern.
extension Scenario {
    /// Those that are built in, in the order in which people are shown them.
    package static let builtIn = texts.compactMap { name, text in
        try? Scenario(name, parsing: Array(text.utf8))
    }

    /// Nodes that write to a few others, which they dial for it, while everything breaks: all as the options have it.
    package static var delivery: Scenario {
        Scenario(
            "delivery",
            "messages between direct peers, while everything breaks",
            DeliveryFleet.Options()
        )
    }

    /// The text of one that is built in; `nil` when there is none of that name.
    package static func text(ofBuiltIn name: String) -> String? {
        texts.first { $0.name == name }?.text
    }

    private static let texts: [(name: String, text: String)] = [
        ("soak", soak), ("mesh", mesh), ("partition", partition), ("line", line), ("grid", grid),
        ("hostile", hostile),
    ]

    private static let soak = """
        {
          "summary": "all at once: every fifth packet lost, churn, partitions, failing links, wrong clocks",
          "nodes": 100,
          "minutes": 120,
          "quiet_minutes": 30,
          "routes": true,
          "topology": {"shape": "random", "degree": 6, "forced": true},
          "mailboxes": 4,
          "link": {"latency_ms": 15, "jitter_ms": 5, "loss": 0.2},
          "traffic": {"messages_per_hour": 18, "deaths": 0.15},
          "faults": {
            "churn": {"per_minute": 0.1, "crashes": 0.7, "down_s": [1, 120]},
            "resets_per_minute": 0.02,
            "partition_minutes": 30,
            "cut_minutes": 60,
            "clock_s": 300,
            "clock_jump_minutes": 60
          }
        }
        """

    private static let mesh = """
        {
          "summary": "messages over hops in a large mesh, without faults",
          "nodes": 100,
          "minutes": 60,
          "quiet_minutes": 4,
          "routes": true,
          "topology": {"shape": "random", "degree": 7, "forced": true},
          "link": {"latency_ms": 10, "jitter_ms": 2},
          "traffic": {"messages_per_hour": 30}
        }
        """

    private static let partition = """
        {
          "summary": "the network falls in two halves for five minutes, and heals",
          "nodes": 20,
          "minutes": 20,
          "quiet_minutes": 6,
          "routes": true,
          "topology": {"shape": "random", "degree": 3},
          "link": {"latency_ms": 15, "jitter_ms": 5},
          "traffic": {"messages_per_hour": 60},
          "events": [{"what": "partition", "share": 0.5, "at_s": 300, "for_s": 300}],
          "heals_within_s": 20
        }
        """

    private static let line = """
        {
          "summary": "nodes one after the other: everything crosses those between",
          "nodes": 6,
          "minutes": 20,
          "quiet_minutes": 6,
          "routes": true,
          "topology": {"shape": "line", "forced": true},
          "link": {"latency_ms": 10, "jitter_ms": 2, "loss": 0.01},
          "traffic": {"messages_per_hour": 60},
          "events": [{"what": "crash", "node": 2, "at_s": 300, "for_s": 60}]
        }
        """

    private static let grid = """
        {
          "summary": "rows of four nodes, each linked with those beside it, while links fail and relays crash",
          "nodes": 16,
          "minutes": 30,
          "quiet_minutes": 6,
          "routes": true,
          "topology": {"shape": "grid", "columns": 4, "forced": true},
          "link": {"latency_ms": 10, "jitter_ms": 2, "loss": 0.01},
          "traffic": {"messages_per_hour": 60},
          "faults": {"churn": {"per_minute": 0.01, "down_s": [5, 60]}, "cut_minutes": 60},
          "events": [{"what": "flap", "from": 5, "to": 6, "every_s": 4, "at_s": 300, "for_s": 120}]
        }
        """

    private static let hostile = """
        {
          "summary": "every fifth node keeps mail badly, drops or repeats what it carries, or lies about routes; nodes crash",
          "nodes": 30,
          "minutes": 40,
          "quiet_minutes": 15,
          "routes": true,
          "topology": {"shape": "random", "degree": 6, "forced": true},
          "link": {"latency_ms": 10, "jitter_ms": 2, "loss": 0.01},
          "mailboxes": 6,
          "traffic": {"messages_per_hour": 180, "lifetime_min_s": 3600},
          "faults": {"churn": {"per_minute": 0.06, "down_s": [60, 400]}},
          "hostile": {"share": 0.2, "does": ["mailbox", "drop", "replay", "flatter", "flood"]}
        }
        """
}
