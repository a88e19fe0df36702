internal import StarlingCore
internal import StarlingProtocols
internal import StarlingTransports
internal import StarlingWorld

/// Finds peers on the LANs that this node is on, and lets them find it: runs one ``MDNSDiscovery`` over two
/// datagram sockets.
actor MDNSDriver {
    /// How long an address that was heard may be dialled once its peer is heard no more.
    private static let addressLifetime: Duration = .seconds(300)
    /// The node with the larger PeerID lets the other dial first, so that two that find each other at once
    /// do not dial both.
    private static let politeDelay: Duration = .milliseconds(500)
    /// How often peers that are heard and not connected are dialled; the swarm's back-off spaces the attempts.
    private static let attendanceInterval: Duration = .seconds(10)
    /// Dials of found peers under way at a time; further ones wait for the next look.
    private static let dialCountMax = 32

    private let swarm: Swarm
    private nonisolated let loop: any EventLoop
    private var machine: MDNSDiscovery
    private var sockets: [(socket: any DatagramSocket, isIPv4: Bool)] = []
    private var groups: Set<DatagramOptions.Group> = []
    /// Whether a socket is missing.
    private var isIncomplete = false
    private var timer: (any LoopTimer)?
    private var attendance: (any LoopTimer)?
    /// Who is heard, and where; as many as the machine remembers.
    private var present: [PeerID: [Multiaddr]] = [:]
    private var dials: [PeerID: Task<Void, Never>] = [:]
    private var isRunning = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    init(swarm: Swarm) throws(MDNSError) {
        self.swarm = swarm
        loop = swarm.world.loops[0]
        let random = swarm.world.random
        machine = try MDNSDiscovery(
            peerID: swarm.peerID,
            peerLabel: MDNSDiscovery.peerLabel(
                random: random.bytes(count: MDNSDiscovery.peerLabelRandomByteCount)
            ),
            seed: random.word()
        )
    }

    /// Begins to announce and to look.
    ///
    /// A machine without a usable interface is no error: it may get one.
    func start() async {
        isRunning = true
        timer = loop.makeTimer { [weak self] in self?.assumeIsolated { $0.timerFired() } }
        let attendance = loop.makeTimer { [weak self] in self?.assumeIsolated { $0.attend() } }
        attendance.arm(at: loop.now + Self.attendanceInterval)
        self.attendance = attendance
        await swarm.observe { [weak self] event in
            guard case .addressesChanged = event else { return }
            self?.assumeIsolated { $0.refresh() }
        }
        refresh()
    }

    /// Says goodbye.
    func stop() async {
        guard isRunning else { return }
        machine.stop()
        perform()
        isRunning = false
        timer?.disarm()
        attendance?.disarm()
        closeSockets()
        let running = dials.sorted { $0.key < $1.key }
        for (_, task) in running { task.cancel() }
        for (_, task) in running { await task.value }
    }

    /// Takes note of the interfaces and addresses as they are.
    private func refresh() {
        guard isRunning else { return }
        let listening = swarm.assumeIsolated { $0.boundAddresses }
        let interfaces = swarm.world.interfaces.interfaces().filter { $0.hasMulticast && !$0.isLoopback }
        openSockets(interfaces)
        machine.interfacesChanged(
            interfaces.map { interface in
                MDNSInterface(
                    index: interface.index,
                    isLoopback: interface.isLoopback,
                    hosts: interface.addresses,
                    listening: listening
                )
            },
            now: loop.now
        )
        timerFired()
    }

    /// One socket for each IP version, in its group on every interface that has such addresses.
    private func openSockets(_ interfaces: [NetworkInterface]) {
        var wanted: Set<DatagramOptions.Group> = []
        for interface in interfaces {
            for address in [MDNSDiscovery.groupV4, MDNSDiscovery.groupV6]
            where interface.addresses.contains(where: { $0.isIPv4 == address.isIPv4 }) {
                wanted.insert(.init(address: address, interfaceIndex: interface.index))
            }
        }
        if wanted == groups && !isIncomplete { return }
        let wasIncomplete = isIncomplete
        closeSockets()
        groups = wanted
        for isIPv4 in [true, false] {
            let joined = wanted.filter { $0.address.isIPv4 == isIPv4 }
            guard !joined.isEmpty else { continue }
            let any: IPAddress = isIPv4 ? .v4(0) : .v6(high: 0, low: 0)
            var options = DatagramOptions(local: .ip(any, port: MDNSDiscovery.port))
            options.isShared = true
            options.groups = joined.sorted { $0.interfaceIndex < $1.interfaceIndex }
            do throws(SocketError) {
                sockets.append((try loop.openDatagram(options, delegate: self), isIPv4))
            } catch {
                isIncomplete = true
                if wasIncomplete { continue }
                swarm.world.log(
                    .warning,
                    "no LAN discovery over one IP version",
                    ["version": isIPv4 ? "4" : "6", "reason": "\(error)"]
                )
            }
        }
    }

    private func closeSockets() {
        for (socket, _) in sockets { socket.close() }
        sockets = []
        groups = []
        isIncomplete = false
    }

    private func timerFired() {
        guard isRunning else { return }
        machine.advance(to: loop.now)
        perform()
    }

    private func perform() {
        while let action = machine.nextAction() {
            switch action {
            case .multicast(let bytes, let interface): multicast(bytes, interface)
            case .unicast(let bytes, let remote, let interface):
                guard case .ip(let address, _, _) = remote else { continue }
                send(bytes, to: remote, interface, isIPv4: address.isIPv4)
            case .discovered(let peer, let addresses): discovered(peer, addresses)
            case .lost(let peer):
                present[peer] = nil
                swarm.world.log(.debug, "peer left the LAN", ["peer": "\(peer)"])
            }
        }
        if let deadline = machine.nextDeadline { timer?.arm(at: deadline) }
    }

    private func multicast(_ bytes: [UInt8], _ interface: UInt32) {
        for group in [MDNSDiscovery.groupV4, MDNSDiscovery.groupV6]
        where groups.contains(.init(address: group, interfaceIndex: interface)) {
            let zone = group.isIPv4 ? 0 : interface
            let remote = SocketAddress.ip(group, port: MDNSDiscovery.port, zone: zone)
            send(bytes, to: remote, interface, isIPv4: group.isIPv4)
        }
    }

    private func send(_ bytes: [UInt8], to remote: SocketAddress, _ interface: UInt32, isIPv4: Bool) {
        guard let socket = sockets.first(where: { $0.isIPv4 == isIPv4 })?.socket else { return }
        do throws(SocketError) {
            try socket.send(bytes, to: remote, interfaceIndex: interface)
        } catch {
            // A link that went down a moment ago; its removal comes as a change of interfaces.
            swarm.world.log(.debug, "discovery packet not sent", ["reason": "\(error)"])
        }
    }

    private func discovered(_ peer: PeerID, _ addresses: [Multiaddr]) {
        present[peer] = addresses
        attend(to: peer, addresses)
    }

    /// Sees to those who are there: a connection may have been lost, and a dial may have failed, without any change
    /// on the LAN.
    private func attend() {
        guard isRunning else { return }
        attendance?.arm(at: loop.now + Self.attendanceInterval)
        if isIncomplete { refresh() }
        for (peer, addresses) in present.sorted(by: { $0.key < $1.key }) { attend(to: peer, addresses) }
    }

    private func attend(to peer: PeerID, _ addresses: [Multiaddr]) {
        let now = loop.now
        let isSeenTo = swarm.assumeIsolated { swarm in
            swarm.peerBook.add(
                addresses,
                of: peer,
                source: .localDiscovery,
                lifetime: Self.addressLifetime,
                now: now
            )
            return swarm.isConnected(peer) || swarm.isEntrusted(peer)
        }
        guard !isSeenTo, dials[peer] == nil, dials.count < Self.dialCountMax else { return }
        dials[peer] = loop.startTask { await self.dial(peer) }
    }

    private func dial(_ peer: PeerID) async {
        defer { dials[peer] = nil }
        if swarm.peerID > peer {
            do throws(CancellationError) { try await loop.sleep(for: Self.politeDelay) } catch { return }
        }
        guard await !swarm.isConnected(peer), await !swarm.isEntrusted(peer), await swarm.hasRoomForMore
        else {
            return
        }
        do throws(DialError) { _ = try await swarm.connect(to: peer) } catch {
            swarm.world.log(
                .debug,
                "found peer not reached",
                ["peer": "\(peer)", "reason": "\(error.cause)"]
            )
        }
    }
}

extension MDNSDriver: DatagramSocketDelegate {
    nonisolated func socketDidReceive(
        _ bytes: BufferSlice,
        from remote: SocketAddress,
        interfaceIndex: UInt32
    ) {
        assumeIsolated { driver in
            guard driver.isRunning else { return }
            bytes.withSpan {
                driver.machine.receive($0, from: remote, interface: interfaceIndex, now: driver.loop.now)
            }
            driver.timerFired()
        }
    }

    nonisolated func datagramSocketDidFail(_ error: SocketError) {
        assumeIsolated { driver in
            driver.swarm.world.log(.warning, "discovery socket failed", ["reason": "\(error)"])
            driver.closeSockets()
            // The next look opens them again.
            driver.isIncomplete = driver.isRunning
        }
    }
}
