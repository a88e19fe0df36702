internal import StarlingCore
internal import StarlingMesh

/// Questions for ways: what is understood can be said again, and comes to an end.
extension FuzzTarget {
    static func traceFrames(_ input: [UInt8]) throws(BrokenPromise) {
        if let hop = try? TraceHop(parsing: input.span) {
            let again = try? TraceHop(parsing: body(of: hop.encoded).span)
            try promise(again == hop, "a hop reads what it writes")
        }
        guard let ask = try? TraceAsk(parsing: input.span) else { return }
        let again = try? TraceAsk(parsing: body(of: ask.encoded).span)
        try promise(again == ask, "an ask reads what it writes")
        guard let own = try? PeerID(multihash: [0, 1, 1]) else { return }
        let (hop, further) = ask.answer(of: own, next: ask.to)
        try promise(hop.standing.isEnd == (further == nil), "a question ends or goes on")
        guard let further else { return }
        try promise(further.hopLimit < ask.hopLimit, "a question crosses fewer links each time")
        try promise((try? TraceAsk(parsing: body(of: further.encoded).span)) == further, "it can be read")
    }
}
