internal import StarlingCore
internal import StarlingCrypto
package import StarlingMesh
internal import StarlingWorld

/// A message to everybody, as an application asks for it.
package struct BroadcastDraft: Sendable {
    package var content: MessageContent
    package var priority = MessagePriority.normal
    /// How long it is of use, and nodes that come anew get it: a millisecond to an hour.
    package var lifetime: Duration = .seconds(300)
    /// Links that it may cross; nobody carries it over more than ten.
    package var hopLimit = UInt8(TransitFrame.hopLimitMax)

    package init(content: MessageContent) { self.content = content }
}

// Messages to everybody: signed, flooded over the neighbours, an entry of each inbox once.
extension DeliveryDriver {
    /// Sends a message to every node that can be reached now or within its lifetime.
    ///
    /// Nobody gives a receipt for it, and this node forgets it when it stops.
    ///
    /// - Returns: Its id, and how many neighbours it goes to at once.
    package func broadcast(_ draft: BroadcastDraft) throws(DeliveryError) -> (
        id: MessageID, neighbourCount: Int
    ) {
        guard !isStopped else { throw .stopped }
        guard draft.lifetime >= .milliseconds(1), draft.lifetime <= limits.flood.lifetimeMax else {
            throw .broadcast(.lifetime)
        }
        do throws(ContentError) { try draft.content.check() } catch { throw .message(.content(error)) }
        var header = MessageHeader(
            id: MessageID(random: world.random.bytes(count: MessageID.byteCount)),
            from: identity.peerID,
            to: nil,
            created: world.wallClock.now,
            lifetimeMilliseconds: draft.lifetime.milliseconds,
            place: nil
        )
        (header.priority, header.hopLimit) = (draft.priority, draft.hopLimit)
        let envelope: Envelope
        do throws(SealError) {
            envelope = try Envelope(header, content: codec.pack(draft.content), from: identity)
        } catch {
            throw .message(error)
        }
        switch flood.spread(envelope, now: loop.now, wallNow: world.wallClock.now) {
        case .new, .known: break
        case .refused(let refusal): throw .broadcast(refusal)
        }
        defer { pump() }
        return (header.id, sessions.count)
    }

    /// Takes a message to everybody that a neighbour handed over.
    func take(_ envelope: Envelope, _ message: ArrivedMessage, from neighbour: PeerID) {
        let header = message.header
        // After a restart this node may be handed what it once sent.
        guard header.from != identity.peerID else { return }
        let (now, wallNow) = (loop.now, world.wallClock.now)
        guard flood.receive(envelope, from: neighbour, now: now, wallNow: wallNow) == .new else { return }
        if header.from != neighbour { forwarder.heard(of: header.from, via: neighbour, now: now) }
        // A file is fetched from whom it was offered by, to one: a message to everybody has none.
        guard case .success(let content) = message.content, content.attachment.isEmpty else { return }
        let handsOut = readers.wants(content)
        guard
            let position = inbox.addBroadcast(
                header,
                content,
                from: neighbour,
                handsOut: handsOut,
                now: now,
                wallNow: wallNow
            ),
            handsOut
        else { return }
        readers.claim(position, content)
        freshContents[position] = content
    }

    func perform(_ action: Flood.Action) {
        switch action {
        case .send(let name, let neighbours):
            for neighbour in neighbours {
                guard let frame = flood.frame(of: name, for: neighbour) else { return }
                switch forwarder.offer(frame, from: .flood, now: loop.now, wallNow: world.wallClock.now) {
                case .queued(let next): wake(next, frame.priority)
                case .full, .tooFast: flood.missed(name, by: neighbour, now: loop.now)
                // It has just gone; it gets the message when it is back.
                case .dropped: break
                }
            }
        }
    }
}
