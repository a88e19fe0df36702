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
    private struct State {
        var actions: [String: StreamAction] = [:]
        var ledger: ResourceLedger
        /// Inbound connections that the ledger counts as pending, by ticket.
        var upgrades: [UInt64: PendingUpgrade] = [:]
    }

    private let state: Mutex<State>

    package init(ledger: ResourceLedger) { state = Mutex(State(ledger: ledger)) }

    /// The protocols, sorted.
    package var protocolIDs: [String] { state.withLock { $0.actions.keys.sorted() } }

    package func speaks(_ protocolID: String) -> Bool { state.withLock { $0.actions[protocolID] != nil } }

    package func action(for protocolID: String) -> StreamAction? { state.withLock { $0.actions[protocolID] } }

    package func set(_ protocolID: String, _ action: StreamAction?) {
        state.withLock { $0.actions[protocolID] = action }
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
