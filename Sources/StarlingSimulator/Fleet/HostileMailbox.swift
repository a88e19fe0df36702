internal import StarlingCore
internal import StarlingMesh
internal import StarlingNode
internal import StarlingTransports

/// A mailbox that says of everything that it keeps it, and drops every other message; what it has it hands out twice and again and
/// again, with some that it has made up, whatever it is asked to erase.
final class HostileMailbox: @unchecked Sendable {  // tidy-ok: one thread
    private let node: Node
    private let tally: HostileTally
    private var offerCount = 0
    private var fetchCount = 0
    /// By recipient, the envelopes that it has.
    private var kept: [PeerID: [[UInt8]]] = [:]

    private static let streamCountMax = 4
    private static let keptCountMax = 64

    init(_ node: Node, _ tally: HostileTally) {
        self.node = node
        self.tally = tally
    }

    /// Takes the streams on which the node is asked from here on.
    func begin() {
        node.swarm.protocols.set(
            MailboxProtocol.id,
            streamCountMaxPerPeer: Self.streamCountMax
        ) { stream in await self.serve(stream) }
        node.tunnels.serve(MailboxProtocol.id) { stream in await self.serve(stream) }
    }

    private func serve(_ stream: Stream) async {
        var frames = FrameStream(stream, frameByteCountMax: MailboxProtocol.askByteCountMax)
        do {
            while let bytes = try await frames.next() {
                guard let ask = try MailboxAsk.parse(bytes.span), let answer = answer(ask, to: stream.peer)
                else {
                    continue
                }
                try await stream.write(answer.encoded)
            }
        } catch {
            // Its peer is done with it.
        }
        await stream.reset()
    }

    private func answer(_ ask: MailboxAsk, to peer: PeerID) -> MailboxAnswer? {
        switch ask {
        case .offer(let bytes):
            guard let header = try? Envelope(parsing: bytes.span).header, let to = header.to else {
                return nil
            }
            offerCount += 1
            tally.takenCount += 1
            if offerCount % 2 == 0, kept[to, default: []].count < Self.keptCountMax {
                kept[to, default: []].append(bytes)
            }
            return .verdicts([.init(id: header.id, verdict: .stored)])
        case .fetch: return .page(page(for: peer))
        case .erase(let ids): return .erased(ids)
        case .status:
            var status = MailboxStatus()
            status.serves = true
            return .status(status)
        case .list: return .list([])
        case .receipt, .told, .waiting: return nil
        }
    }

    /// Everything twice, and every third time the first one with another body.
    private func page(for peer: PeerID) -> MailboxPage {
        fetchCount += 1
        let all = (kept[peer] ?? []).prefix(MailboxProtocol.pageCountMax / 4)
        var page = MailboxPage()
        page.envelopes = all.flatMap { [$0, $0] }
        if fetchCount % 3 == 0, var forged = all.first {
            forged[forged.count / 2] ^= 1
            page.envelopes.append(forged)
        }
        return page
    }
}
