package import StarlingCore

/// For whom a node keeps envelopes.
///
/// It looks at recipients only: who may leave something is whoever writes to one that is served.
package struct MailboxPolicy: Equatable, Sendable {
    package enum Scope: Equatable, Sendable {
        /// For no one: the node is no mailbox.
        case nobody
        /// For the peers that the user named.
        case named
        /// For the user's contacts.
        case contacts
        /// For whoever asks.
        case anyone
    }

    package let scope: Scope
    /// The peers that are named, or the contacts; empty for the other scopes.
    package let peers: Set<PeerID>

    /// Nobody is served unless the user says so.
    package static let nobody = MailboxPolicy(scope: .nobody, peers: [])
    package static let anyone = MailboxPolicy(scope: .anyone, peers: [])

    package static func named(_ peers: Set<PeerID>) -> MailboxPolicy {
        MailboxPolicy(scope: .named, peers: peers)
    }

    package static func contacts(_ peers: Set<PeerID>) -> MailboxPolicy {
        MailboxPolicy(scope: .contacts, peers: peers)
    }

    private init(scope: Scope, peers: Set<PeerID>) {
        self.scope = scope
        self.peers = peers
    }

    /// Whether envelopes to a peer are kept.
    package func serves(_ recipient: PeerID) -> Bool {
        switch scope {
        case .nobody: false
        case .named, .contacts: peers.contains(recipient)
        case .anyone: true
        }
    }
}
