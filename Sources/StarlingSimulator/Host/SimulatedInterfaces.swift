package import StarlingCore
package import StarlingWorld
internal import Synchronization

/// A network interface of a simulated host.
package struct SimulatedInterface: Sendable, Equatable {
    package var index: UInt32
    package var name: String
    package var addresses: [IPAddress]
    /// Which LAN it is plugged into: multicast reaches the interfaces of one segment.
    package var segment: Int
    package var hasMulticast: Bool

    package init(
        index: UInt32 = 2,
        name: String = "eth0",
        addresses: [IPAddress],
        segment: Int = 0,
        hasMulticast: Bool = true
    ) {
        self.index = index
        self.name = name
        self.addresses = addresses
        self.segment = segment
        self.hasMulticast = hasMulticast
    }
}

/// What a process of a simulated host sees of its interfaces.
package final class SimulatedInterfaces: InterfaceMonitor {
    private struct Observer {
        weak var observation: Observation?
        var loop: any EventLoop
        var onChange: @Sendable () -> Void
    }

    private struct State {
        var interfaces: [NetworkInterface] = []
        var observers: [Observer] = []
    }

    private final class Observation: InterfaceObservation {}

    private let state = Mutex(State())

    package func interfaces() -> [NetworkInterface] { state.withLock { $0.interfaces } }

    package func observe(on loop: any EventLoop, onChange: @escaping @Sendable () -> Void)
        -> any InterfaceObservation
    {
        let observation = Observation()
        state.withLock { state in
            state.observers.append(Observer(observation: observation, loop: loop, onChange: onChange))
        }
        return observation
    }

    func forgetObservers() { state.withLock { $0.observers = [] } }

    func set(_ interfaces: [SimulatedInterface], scheduler: Scheduler) {
        let loopback = NetworkInterface(
            index: 1,
            name: "lo",
            addresses: [.loopbackV4, .loopbackV6],
            isLoopback: true,
            hasMulticast: false
        )
        let others = interfaces.sorted { $0.index < $1.index }.map { interface in
            NetworkInterface(
                index: interface.index,
                name: interface.name,
                addresses: interface.addresses,
                isLoopback: false,
                hasMulticast: interface.hasMulticast
            )
        }
        let observers = state.withLock { state in
            state.interfaces = [loopback] + others
            state.observers.removeAll { $0.observation == nil }
            return state.observers
        }
        for observer in observers {
            guard let loop = observer.loop as? SimulatedLoop else { continue }
            let event = ScriptedEvent { [weak observation = observer.observation] in
                guard observation != nil, !loop.isDead else { return }
                scheduler.enter(loop) { observer.onChange() }
            }
            _ = scheduler.schedule(event, at: scheduler.now)
        }
    }
}
