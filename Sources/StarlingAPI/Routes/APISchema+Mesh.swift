internal import StarlingNode

extension APISchema {
    static let mesh = APISchema.object(
        [
            APIField(
                "topology",
                .text(example: "mesh"),
                isNullable: true,
                "The policy for its neighbours; null where that is left to whoever dials."
            ),
            APIField("neighbours", natural, "Members that it has links to."),
            APIField("alive", natural, "Other members that are alive."),
            APIField("suspect", natural, "Those that do not answer, and have time to contradict."),
            APIField("dead", natural, "Those that did not contradict."),
            APIField("left", natural, "Those that said that they go."),
            APIField("super_peer", .boolean, "Whether it is a super-peer."),
            APIField("capacity", natural, "How much it can carry for others, compared to other nodes."),
            APIField("self_doubt", natural, "How much it mistrusts itself, from 0 to 8."),
            APIField("tunnels", natural, "Streams that it carries between others."),
            APIField("max_tunnels", natural, "The most that it takes."),
            APIField("tunnels_carried", natural, "Those since its start, these included."),
        ],
        "What the node knows of the mesh."
    )

    static let membership = APISchema.object(
        [
            APIField("state", .word(Membership.State.allCases.map(\.rawValue)), "What it is taken for."),
            APIField("age_ms", natural, "For how long."),
            APIField("uptime_ms", natural, "How long it has been running, by its own word."),
            APIField("capacity", natural, "How much it can carry for others, by its own word; 0 if unsaid."),
        ],
        "What a member of the mesh is taken for."
    )
}
