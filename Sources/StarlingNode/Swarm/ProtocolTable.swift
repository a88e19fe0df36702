internal import StarlingCore
package import StarlingTransports
internal import Synchronization

/// What a node does with an inbound stream of a protocol.
///
/// The stream ends when the closure returns.
package typealias StreamAction = @Sendable (Stream) async -> Void

/// The protocols that a node speaks, and what its streams and connections take.
///
/// Read on every loop, for each inbound stream: leaf data behind a lock.
package final class ProtocolTable: Sendable {
    /// A protocol that the node speaks.
    struct Entry {
        var action: StreamAction
        /// Streams of it that one peer may have; `nil` for as many as of all protocols together.
        var streamCountMaxPerPeer: Int?
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var ledger: ResourceLedger
        /// Inbound connections that the ledger counts as pending, by ticket.
        var upgrades: [UInt64: PendingUpgrade] = [:]
    }

    private let state: Mutex<State>

    package init(ledger: ResourceLedger) { state = Mutex(State(ledger: ledger)) }

    /// The protocols, sorted.
    package var protocolIDs: [String] { state.withLock { $0.entries.keys.sorted() } }

    package func speaks(_ protocolID: String) -> Bool { state.withLock { $0.entries[protocolID] != nil } }

    func entry(_ protocolID: String) -> Entry? { state.withLock { $0.entries[protocolID] } }

    /// Begins to speak a protocol; with no action the node stops to.
    ///
    /// - Parameter streamCountMaxPerPeer: Streams of it that one peer may have open; more are reset.
    package func set(_ protocolID: String, streamCountMaxPerPeer: Int? = nil, _ action: StreamAction?) {
        let entry = action.map { Entry(action: $0, streamCountMaxPerPeer: streamCountMaxPerPeer) }
        state.withLock { $0.entries[protocolID] = entry }
    }

    /// Takes note of an inbound connection that is not open yet; where there are too many, another gives way.
    func begin(_ upgrade: PendingUpgrade) throws(ResourceError) -> UInt64 {
        let result: Result<(UInt64, PendingUpgrade?), ResourceError> = state.withLock { state in
            do throws(ResourceError) {
                let admission = try state.ledger.beginPending(from: PendingHost(upgrade.remote))
                state.upgrades[admission.ticket] = upgrade
                let displaced = admission.displaced.flatMap { state.upgrades.removeValue(forKey: $0) }
                return .success((admission.ticket, displaced))
            } catch {
                return .failure(error)
            }
        }
        let (ticket, displaced) = try result.get()
        displaced?.giveWay()
        return ticket
    }

    /// The inbound connection with this ticket is open, has failed or has given way.
    func endUpgrade(_ ticket: UInt64) {
        state.withLock { state in
            state.ledger.endPending(ticket)
            state.upgrades[ticket] = nil
        }
    }

    /// Looks at the counts, or changes them.
    package func withLedger<Value: Sendable, Failure: Error>(
        _ body: (inout ResourceLedger) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        let result: Result<Value, Failure> = state.withLock { state in
            do throws(Failure) { return .success(try body(&state.ledger)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}
