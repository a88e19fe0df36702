internal import CSys
internal import StarlingCore
package import StarlingWorld
internal import Synchronization

/// The machine's network interfaces, watched through the kernel's announcements where there are such.
package final class SystemInterfaces: InterfaceMonitor {
    /// Addresses beyond this are not seen.
    private static let addressCountMax = 1024
    /// Changes come in bursts, an interface and its addresses one by one: observers hear of a burst once.
    private static let quietDuration = Duration.milliseconds(100)
    /// How often to look where the system does not announce changes.
    private static let pollInterval = Duration.seconds(5)

    private struct Observer: Sendable {
        var id: UInt64
        var loop: any EventLoop
        var onChange: @Sendable () -> Void
    }

    private struct State: Sendable {
        var observers: [Observer] = []
        var lastID: UInt64 = 0
        /// From the first observation on.
        var watch: InterfaceWatch?
    }

    private let loop: UVLoop
    private let state = Mutex(State())

    /// - Parameter loop: the loop that watches.
    package init(loop: UVLoop) { self.loop = loop }

    package func interfaces() -> [NetworkInterface] {
        var entries = [csys_interface](repeating: csys_interface(), count: Self.addressCountMax)
        let count = csys_interfaces(&entries, Int32(entries.count))
        var byIndex: [UInt32: NetworkInterface] = [:]
        for entry in entries.prefix(max(0, Int(count))) {
            guard let address = IPAddress(systemForm: entry.address) else { continue }
            let interface = NetworkInterface(
                index: entry.index,
                name: text(entry.name),
                addresses: [],
                isLoopback: entry.is_loopback != 0,
                hasMulticast: entry.has_multicast != 0
            )
            byIndex[entry.index, default: interface].addresses.append(address)
        }
        return byIndex.values.sorted { $0.index < $1.index }
    }

    package func observe(
        on loop: any EventLoop,
        onChange: @escaping @Sendable () -> Void
    ) -> any InterfaceObservation {
        let (id, first): (UInt64, InterfaceWatch?) = state.withLock { state in
            state.lastID += 1
            state.observers.append(Observer(id: state.lastID, loop: loop, onChange: onChange))
            guard state.watch == nil else { return (state.lastID, nil) }
            let watch = InterfaceWatch(loop: self.loop)
            state.watch = watch
            return (state.lastID, watch)
        }
        if let first { self.loop.startTask { [self] in begin(first) } }
        return Observation(monitor: self, id: id)
    }

    /// Watches until the loop ends, or the monitor is gone.
    private func begin(_ watch: InterfaceWatch) {
        watch.interfaces = interfaces()
        // The monitor keeps the watch, and the watch its timer: what either of them calls must keep neither.
        watch.timer = loop.makeTimer { [weak self, weak watch] in
            guard let self, let watch else { return }
            if watch.update(interfaces()) { tell() }
            if !watch.isAnnounced { watch.check(after: Self.pollInterval) }
        }
        let descriptor = csys_interface_changes_open()
        if descriptor >= 0, let watcher = try? PollWatcher(loop: loop, descriptor: descriptor) {
            watch.isAnnounced = true
            watcher.start { [weak watch] in
                csys_interface_changes_drain(descriptor)
                watch?.check(after: Self.quietDuration)
            }
        } else {
            watch.check(after: Self.pollInterval)
        }
    }

    private func tell() {
        let observers = state.withLock { $0.observers }
        for observer in observers {
            observer.loop.startTask { [weak self] in
                // It may have been dropped meanwhile.
                guard let self, state.withLock({ $0.observers.contains { $0.id == observer.id } }) else {
                    return
                }
                observer.onChange()
            }
        }
    }

    fileprivate func end(_ id: UInt64) {
        state.withLock { $0.observers.removeAll { $0.id == id } }
    }
}

/// What a monitor saw last, and the timer that makes it look again.
///
/// On the monitor's loop only.
private final class InterfaceWatch: @unchecked Sendable {  // tidy-ok: touched on the monitor's loop only
    var interfaces: [NetworkInterface] = []
    private let loop: UVLoop
    private var isDue = false
    var timer: (any LoopTimer)?
    var isAnnounced = false

    init(loop: UVLoop) { self.loop = loop }

    /// Looks once after `delay`, however often it is asked for until then.
    func check(after delay: Duration) {
        if isDue { return }
        isDue = true
        timer?.arm(at: loop.now + delay)
    }

    func update(_ interfaces: [NetworkInterface]) -> Bool {
        isDue = false
        defer { self.interfaces = interfaces }
        return interfaces != self.interfaces
    }
}

/// Ends the observation when it is dropped.
private final class Observation: InterfaceObservation {
    private let monitor: SystemInterfaces
    private let id: UInt64

    init(monitor: SystemInterfaces, id: UInt64) {
        self.monitor = monitor
        self.id = id
    }

    deinit { monitor.end(id) }
}
