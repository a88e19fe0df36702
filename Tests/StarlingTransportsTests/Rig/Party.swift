import StarlingCore
import StarlingCrypto
import StarlingProtocols
import StarlingTransports
import StarlingWorld
import Synchronization

/// What a test does with an inbound stream.
typealias StreamAction = @Sendable (Stream) async -> Void

/// A node reduced to its transport: listens, accepts, hands out streams, and takes note of all.
final class Party: Sendable {
    let world: World
    let identity: IdentityKey
    let owner = Owner()
    let setup: ConnectionSetup
    let transport: SocketTransport
    private let listeners = Mutex<[any Listener]>([])

    var loop: any EventLoop { world.loops[0] }
    var peerID: PeerID { identity.peerID }

    init(_ world: World, securities: [SecurityProtocol], limits: ConnectionLimits) throws {
        self.world = world
        identity = try IdentityKey(seed: world.random.bytes(count: 32))
        setup = try ConnectionSetup(
            identity: identity,
            securities: securities,
            limits: limits,
            world: world,
            owner: owner
        )
        transport = try SocketTransport(world: world, setup: setup)
    }

    func listen(on address: Multiaddr) async throws -> Multiaddr {
        let listener = try await transport.listen(on: address, owner)
        listeners.withLock { $0.append(listener) }
        return listener.address
    }

    func stop() async {
        for connection in owner.connections { await connection.close(.closedLocally) }
        for listener in listeners.withLock({ $0 }) { await listener.close() }
    }

    /// A connection that has not been opened, to be handled without the transport.
    func connection(_ direction: Direction, expecting peer: PeerID? = nil) -> SocketConnection {
        var setup = setup
        setup.expectedPeer = peer
        return SocketConnection(id: .init(number: 0), loop: loop, direction: direction, setup: setup)
    }

    /// Waits until something holds, asking again every millisecond.
    func until(_ condition: @Sendable () async -> Bool) async throws {
        while !(await condition()) { try await loop.sleep(for: .milliseconds(1)) }
    }
}

/// Hears of a party's connections and streams.
final class Owner: ConnectionOwner, ListenerOwner {
    struct State {
        var actions: [String: StreamAction] = [:]
        var connections: [any Connection] = []
        var failures: [ConnectionError] = []
        var closings: [ConnectionError] = []
        var pending: [UInt64: PendingUpgrade] = [:]
        var pendingCountMax = Int.max
        var nextTicket: UInt64 = 0
        var takenStreamCount = 0
        /// Bytes that connections may hold, each by itself.
        var heldByteCountMax = Int.max
        /// What each connection holds, in the order of their opening.
        var holds: [Hold] = []
        var slotCountMax = Int.max
        var slots: [WeakSlot] = []
    }

    /// What one connection has charged.
    final class Hold: MemoryHold {
        private let byteCountMax: Int
        private let held = Mutex(0)

        init(byteCountMax: Int) { self.byteCountMax = byteCountMax }

        var byteCount: Int { held.withLock { $0 } }

        func set(_ byteCount: Int) -> Bool {
            guard byteCount <= byteCountMax else { return false }
            held.withLock { $0 = byteCount }
            return true
        }
    }

    final class Slot: StreamSlot {}

    struct WeakSlot {
        weak var slot: Slot?
    }

    private let state = Mutex(State())

    /// Inbound connections that have opened, in order.
    var connections: [any Connection] { state.withLock { $0.connections } }
    /// Why inbound connections did not open.
    var failures: [ConnectionError] { state.withLock { $0.failures } }
    /// Why open connections, of both directions, ended.
    var closings: [ConnectionError] { state.withLock { $0.closings } }
    var pendingCount: Int { state.withLock { $0.pending.count } }
    var takenStreamCount: Int { state.withLock { $0.takenStreamCount } }

    func serve(_ protocolID: String, _ action: @escaping StreamAction) {
        state.withLock { $0.actions[protocolID] = action }
    }

    func speaks(_ protocolID: String) -> Bool { state.withLock { $0.actions[protocolID] != nil } }

    var protocolIDs: [String] { state.withLock { $0.actions.keys.sorted() } }

    func take(_ stream: Stream) -> Bool {
        let action = state.withLock { state in
            state.takenStreamCount += 1
            return state.actions[stream.protocolID]
        }
        guard let action else { return false }
        stream.connection.loop.startTask { await action(stream) }
        return true
    }

    /// The most that each of the connections that open from here on may hold.
    func limitHolds(to byteCount: Int) { state.withLock { $0.heldByteCountMax = byteCount } }

    func limitSlots(to count: Int) { state.withLock { $0.slotCountMax = count } }

    /// What connections hold, in the order of their opening, in bytes.
    var heldByteCounts: [Int] { state.withLock { $0.holds }.map(\.byteCount) }

    func memoryHold(for peer: PeerID) -> (any MemoryHold)? {
        state.withLock { state in
            let hold = Hold(byteCountMax: state.heldByteCountMax)
            state.holds.append(hold)
            return hold
        }
    }

    func admit(_ protocolID: String, to peer: PeerID) throws(StreamError) -> (any StreamSlot)? {
        let slot: Slot? = state.withLock { state in
            state.slots.removeAll { $0.slot == nil }
            guard state.slots.count < state.slotCountMax else { return nil }
            let slot = Slot()
            state.slots.append(WeakSlot(slot: slot))
            return slot
        }
        guard let slot else { throw .tooManyStreams }
        return slot
    }

    func connectionDidClose(_ connection: any Connection, _ reason: ConnectionError) {
        state.withLock { $0.closings.append(reason) }
    }

    func mayAccept(_ upgrade: PendingUpgrade) -> UInt64? {
        state.withLock { state in
            guard state.pending.count < state.pendingCountMax else { return nil }
            state.nextTicket += 1
            state.pending[state.nextTicket] = upgrade
            return state.nextTicket
        }
    }

    func upgradeDidEnd(_ ticket: UInt64, _ outcome: Result<any Connection, ConnectionError>) async {
        state.withLock { state in
            state.pending[ticket] = nil
            switch outcome {
            case .success(let connection): state.connections.append(connection)
            case .failure(let error): state.failures.append(error)
            }
        }
    }
}
