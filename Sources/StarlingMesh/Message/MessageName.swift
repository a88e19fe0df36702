package import StarlingCore

/// What names a message among those of all senders: its id alone could be taken by whoever saw it, and put on another message.
package struct MessageName: Hashable, Sendable {
    package var from: PeerID
    package var id: MessageID

    package init(from: PeerID, id: MessageID) {
        self.from = from
        self.id = id
    }

    package init(_ header: MessageHeader) { self.init(from: header.from, id: header.id) }
}
