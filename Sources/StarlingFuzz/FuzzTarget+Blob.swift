internal import StarlingCore
internal import StarlingMesh

/// The two ends of `/starling/blob/1`: whatever a peer says, they keep within their limits.
extension FuzzTarget {
    private static let now = Instant(nanosecondsSinceOrigin: 0)
    private static let chunkByteCount = BlobID.chunkByteCountMin

    /// A blob of three chunks, the last of them short; its root does not matter here.
    private static var blob: BlobID? {
        BlobID(
            root: [UInt8](repeating: 7, count: BlobID.hashByteCount),
            byteCount: UInt64(2 * chunkByteCount + 10),
            chunkByteCount: chunkByteCount
        )
    }

    static func blobAttachment(_ input: [UInt8]) throws(BrokenPromise) {
        guard let attachment = try? BlobAttachment(parsing: input.span) else { return }
        let again = try? BlobAttachment(parsing: attachment.encoded.span)
        try promise(again == attachment, "an attachment reads what it writes")
        try promise(!attachment.name.contains("/"), "a name leads nowhere")
    }

    static func blobFrames(_ input: [UInt8]) throws(BrokenPromise) {
        if let ask = try? BlobAsk.parse(input.span) {
            try promise(
                (try? BlobAsk.parse(body(of: ask.encoded).span)) == ask,
                "a request reads what it writes"
            )
        }
        if let answer = try? BlobAnswer.parse(input.span) {
            let again = try? BlobAnswer.parse(body(of: answer.encoded).span)
            try promise(again == answer, "an answer reads what it writes")
        }
    }

    /// A frame without the length before it.
    static func body(of frame: [UInt8]) -> [UInt8] {
        var offset = 0
        _ = try? Varint.read(frame.span, at: &offset)
        return Array(frame[offset...])
    }

    /// The first byte is the size of the pieces; its high bit says whether the leaves are there.
    static func blobFetch(_ input: [UInt8]) throws(BrokenPromise) {
        guard let first = input.first, let id = blob else { return }
        let held = first & 0x80 == 0 ? nil : ChunkSet(of: id.chunkCount)
        let whole = Array(input.dropFirst())
        let (one, other) = (
            try run(id, held, [whole]), try run(id, held, whole.pieces(of: Int(first % 128) + 1))
        )
        try promise(one == other, "a fetch does not depend on how the bytes are cut")
    }

    private static func run(
        _ id: BlobID,
        _ held: ChunkSet?,
        _ pieces: [[UInt8]]
    ) throws(BrokenPromise) -> [BlobFetch.Action] {
        var fetch = BlobFetch(id, held: held, now: now)
        for piece in pieces { fetch.receive(piece.span, now: now) }
        // The store is ready only when all is there: when it answers is not the peer's doing.
        fetch.begun(now: now)
        var (done, written): ([BlobFetch.Action], Set<Int>) = ([], [])
        while let action = fetch.nextAction() {
            done.append(action)
            switch action {
            case .begin(let leaves):
                try promise(leaves.count == id.leavesByteCount, "leaves are all or none")
            case .write(let arrivals):
                for arrival in arrivals {
                    let byteCount = id.byteCount(ofChunk: arrival.index)
                    try promise(arrival.chunk.bytes.count == byteCount, "a chunk is whole")
                    try promise(written.insert(arrival.index).inserted, "a chunk comes once")
                }
            case .send, .sync, .finish, .fail: break
            }
        }
        return done
    }

    /// The first byte is the size of the pieces.
    static func blobOffer(_ input: [UInt8]) throws(BrokenPromise) {
        guard let first = input.first else { return }
        var offer = BlobOffer(now: now)
        var (id, openCount): (BlobID?, Int) = (nil, 0)
        for piece in Array(input.dropFirst()).pieces(of: Int(first % 128) + 1) {
            offer.receive(piece.span, now: now)
            while let action = offer.nextAction() {
                switch action {
                case .open(let named, _):
                    try promise(id == nil, "a stream is about one blob")
                    id = named
                    offer.accept(leaves: [], now: now)
                case .read(let run):
                    try promise(run.upperBound <= id?.chunkCount ?? 0, "only chunks that there are, are read")
                    openCount += run.count
                    try promise(openCount <= BlobOffer.Limits().readAheadCount, "reads are bounded")
                    offer.read(run, BlobBytes(BufferSlice(copying: [1].span)))
                case .sendChunks(let run, _):
                    openCount -= run.count
                    offer.sent(now: now)
                case .send, .end, .fail: break
                }
            }
        }
    }
}
