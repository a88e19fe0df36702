package import StarlingCore
package import StarlingTransports
package import StarlingWorld

/// Why a peer could not be reached: every address that was tried, why it failed, and how long it took.
package struct DialError: Error, Equatable, Sendable {
    /// What kept the dial from starting, or ended it.
    package enum Cause: Error, Equatable, Sendable {
        /// No address of the peer is known.
        case noAddresses
        /// None of the known addresses is of a kind that this node can dial, or all are its own.
        case noUsableAddresses
        /// Every attempt failed.
        case allFailed
        /// The caller's time is over.
        case timedOut
        /// The last dials failed, and it is too early to try again.
        case backingOff(remaining: Duration)
        /// The peer is this node.
        case dialledSelf
        /// A limit of this node: connections or memory.
        case limit(String)
        /// The task that dialled was cancelled.
        case cancelled
        /// The node is stopping.
        case stopped
    }

    /// One address and how it went.
    package struct Attempt: Equatable, Sendable {
        package enum Failure: Equatable, Sendable {
            case connection(ConnectionError)
            case resolver(ResolverError)
            /// No transport of this node dials such an address.
            case unsupported
            case backingOff(remaining: Duration)
            /// It is one of this node's own.
            case ownAddress
            /// The time for the whole dial was over.
            case outOfTime
            /// There was no time left for it, or too many others came first.
            case notTried
        }

        package var address: Multiaddr
        package var failure: Failure
        package var duration: Duration

        package init(address: Multiaddr, failure: Failure, duration: Duration) {
            self.address = address
            self.failure = failure
            self.duration = duration
        }
    }

    package var peer: PeerID?
    package var cause: Cause
    package var attempts: [Attempt]

    package init(peer: PeerID?, cause: Cause, attempts: [Attempt] = []) {
        self.peer = peer
        self.cause = cause
        self.attempts = attempts
    }

    /// What the user can do about it.
    package var nextStep: String {
        switch cause {
        case .noAddresses:
            "Connect to its address, such as /ip4/…/tcp/…/p2p/…, or wait until discovery finds the peer."
        case .noUsableAddresses: "Use an address with /tcp/; other transports are not built in."
        case .allFailed:
            attempts.lazy.compactMap(\.nextStep).first ?? "Check that the peer is running and reachable."
        case .timedOut: "Give it more time, or check the address."
        case .backingOff: "Try again after the wait, or connect by address to try at once."
        case .dialledSelf: "Name another peer."
        case .limit: "Close connections, or allow the node more of them and more memory."
        case .cancelled, .stopped: "Try again."
        }
    }
}

extension DialError.Attempt {
    fileprivate var nextStep: String? {
        switch failure {
        case .connection(let error): error.nextStep
        case .resolver: "Check the name, and this machine's name servers."
        case .unsupported, .backingOff, .ownAddress, .outOfTime, .notTried: nil
        }
    }
}
