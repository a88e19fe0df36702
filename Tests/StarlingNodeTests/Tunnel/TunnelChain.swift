import StarlingCore
import StarlingMesh
import StarlingNode
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Testing

// Files and streams along a chain of nodes.
extension NodeChain {
    /// Has a message with a file accepted at one node for another one.
    func sendFile(_ content: [UInt8], from one: Int, to other: Int) throws -> MessageID {
        hosts[one].blobDisk.place("/user/file.bin", content)
        let (node, to) = (nodes[one], nodes[other].peerID)
        return try simulation.complete(on: hosts[one]) {
            let content = MessageContent(type: .data, payload: Array("look".utf8))
            return try await node.delivery.accept(
                MessageDraft(to: to, content: content),
                file: "/user/file.bin"
            )
        }
    }

    /// Runs until something is so, or the time is over.
    func wait(upTo limit: Duration = .seconds(300), until isSo: () throws -> Bool) throws -> Bool {
        let end = simulation.now + limit
        while simulation.now < end {
            if try isSo() { return true }
            try simulation.run(for: .milliseconds(100))
        }
        return try isSo()
    }

    func isDelivered(_ id: MessageID, at one: Int) throws -> Bool {
        try states([id], at: one) == [.delivered]
    }

    /// How much of the files that are on their way to a node is there.
    func arrivedByteCount(at one: Int) throws -> UInt64 {
        let node = nodes[one]
        return try simulation.complete(on: hosts[one]) {
            await node.delivery.incomingFiles.first?.progress.byteCount ?? 0
        }
    }

    /// The file of the first message in a node's inbox.
    func savedFile(at one: Int) throws -> [UInt8]? {
        let node = nodes[one]
        let path = "/user/out.bin"
        try simulation.complete(on: hosts[one]) {
            let page = try await node.delivery.inboxPage(after: 0, countMax: 10, byteCountMax: 1 << 20)
            guard let position = page.deliveries.first?.entry.position else { return }
            try await node.delivery.saveFile(at: position, to: path)
        }
        return hosts[one].blobDisk.content(of: path)
    }

    /// Tunnels that a node has carried for others.
    func carriedCount(_ one: Int) throws -> UInt64 {
        let node = nodes[one]
        return try simulation.complete(on: hosts[one]) { await node.tunnels.carriedCount }
    }

    /// Bytes that a node has sent on its sockets.
    func sentByteCount(_ one: Int) throws -> UInt64 {
        let node = nodes[one]
        return try simulation.complete(on: hosts[one]) { await node.swarm.traffic.sentByteCount }
    }

    /// Opens a stream of a protocol to another node over those between them.
    func openTunnel(_ protocolID: String, from one: Int, to other: Int) throws -> Tunnel {
        let (node, peer) = (nodes[one], nodes[other].peerID)
        return try simulation.complete(on: hosts[one]) {
            try await node.tunnels.openStream(to: peer, protocolID)
        }
    }

    /// Has a node carry tunnels in a way of its own: `change` sees each piece on its way back to the one that asked, and
    /// how many bytes of the tunnel came back before it.
    func carryTunnels(
        at one: Int,
        over next: Int,
        request change: @escaping @Sendable (TunnelRequest) -> TunnelRequest = { $0.carriedOn },
        back: @escaping @Sendable (_ piece: inout [UInt8], _ offset: Int) -> Void = { _, _ in }
    ) {
        let (node, peer) = (nodes[one], nodes[next].peerID)
        node.swarm.protocols.set(TunnelProtocol.id) { stream in
            do {
                var frames = FrameStream(stream, frameByteCountMax: TunnelProtocol.frameByteCountMax)
                guard let frame = try await frames.next() else { return }
                let request = change(try TunnelRequest.parse(frame.span))
                let onward = try await node.swarm.openStream(to: peer, [TunnelProtocol.id])
                try await onward.write(request.encoded)
                if let unread = frames.takeUnread() { try await onward.write(unread) }
                await withTaskGroup(of: Void.self) { group in
                    group.addTask {
                        while let bytes = try? await stream.read() { try? await onward.write(bytes) }
                        await onward.reset()
                    }
                    group.addTask {
                        var offset = 0
                        while let bytes = try? await onward.read() {
                            var piece = bytes.array()
                            back(&piece, offset)
                            offset += piece.count
                            try? await stream.write(piece)
                        }
                        await stream.reset()
                    }
                }
            } catch {
                await stream.reset()
            }
        }
    }
}
