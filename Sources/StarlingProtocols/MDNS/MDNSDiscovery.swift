package import StarlingCore

/// Why discovery cannot start.
package enum MDNSError: Error, Equatable, Sendable {
    /// The peer's label is not 32 to 63 lower-case letters and digits.
    case invalidPeerLabel
    /// The service is not a domain name, or leaves no room for a peer's label.
    case invalidService
}

/// Finds the peers of the local links, and lets them find this node, by multicast DNS.
///
/// The driver has a socket on port 5353 for each IP version, in the groups `224.0.0.251` and `ff02::fb` on each
/// interface. It hands in what they receive, and sends each ``Action/multicast(_:interface:)`` to both groups.
///
/// Spec: libp2p/specs `discovery/mdns.md` r2; RFC 6762; RFC 6763. Deviations: names are not probed for before
/// they are used, 32 random characters are unique without; answers go to both IP versions of an interface.
package struct MDNSDiscovery: Machine, Sendable {
    /// What the driver must do.
    package enum Action: Equatable, Sendable {
        /// Send to the groups of both IP versions on one interface.
        case multicast([UInt8], interface: UInt32)
        /// Send to one asker.
        case unicast([UInt8], to: SocketAddress, interface: UInt32)
        /// A peer was found or has other addresses than before: all of them, each with its name at the end.
        case discovered(PeerID, [Multiaddr])
        /// A peer said goodbye, or was not heard for as long as it had promised.
        case lost(PeerID)
    }

    /// Figures for logs and tests.
    package struct Statistics: Equatable, Sendable {
        /// Packets that are no DNS message.
        package var malformedCount = 0
        /// Packets from senders that are not on the link, or not on port 5353 as responses must be.
        package var strayCount = 0
    }

    /// Where all multicast DNS is spoken.
    package static let port: UInt16 = 5353
    package static let groupV4 = IPAddress.v4(0xe000_00fb)
    package static let groupV6 = IPAddress.v6(high: 0xff02 << 48, low: 0xfb)
    /// The service under which all libp2p peers are found.
    package static let serviceName = "_p2p._udp.local"
    /// The most interfaces that are used; further ones are ignored.
    package static let interfaceCountMax = 64

    /// One interface and what happens there.
    private struct Link {
        var interface: MDNSInterface
        var responder = MDNSResponder()
        var browser: MDNSBrowser
        /// When the second of two announcements is due.
        var secondAnnouncement: Instant?

        var nextDeadline: Instant {
            [responder.nextDeadline, secondAnnouncement].compactMap { $0 }.reduce(browser.nextDeadline, min)
        }
    }

    package private(set) var statistics = Statistics()
    private let peerID: PeerID
    private let records: MDNSRecords
    private let limits: MDNSLimits
    private var jitter: MDNSJitter
    private var peers: MDNSPeerTable
    /// Ordered by index.
    private var links: [Link] = []
    private var actions = RingQueue<Action>()

    /// A machine that does nothing before ``interfacesChanged(_:now:)``.
    ///
    /// `peerLabel` is what this node is called in DNS, made by ``peerLabel(random:)``; `seed` is a random number,
    /// from which delays are drawn.
    package init(
        peerID: PeerID,
        peerLabel: String,
        seed: UInt64,
        service: String = MDNSDiscovery.serviceName,
        limits: MDNSLimits = MDNSLimits()
    ) throws(MDNSError) {
        guard (32...DNSName.labelByteCountMax).contains(peerLabel.utf8.count),
            peerLabel.utf8.allSatisfy({
                $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z")
                    || $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9")
            })
        else { throw .invalidPeerLabel }
        guard let names = MDNSNames(service: service, peerLabel: peerLabel) else { throw .invalidService }
        self.peerID = peerID
        self.limits = limits
        records = MDNSRecords(names, peerID: peerID, ttlSeconds: limits.ttlSeconds)
        jitter = MDNSJitter(seed: seed)
        peers = MDNSPeerTable(limits: limits)
    }

    /// The random bytes that a label is made of.
    package static let peerLabelRandomByteCount = 25

    /// A label of 40 letters and digits that no other node has.
    ///
    /// - Precondition: `random` has ``peerLabelRandomByteCount`` bytes.
    package static func peerLabel(random: [UInt8]) -> String {
        precondition(random.count == peerLabelRandomByteCount)
        return Multibase.base32.encodeBare(random)
    }

    // MARK: Inputs

    /// Starts on these interfaces, or goes on with them after interfaces or addresses have changed.
    ///
    /// A link that was not there before is asked for peers at once; where our addresses have changed they are
    /// announced twice; what was heard on a link that is gone is forgotten.
    package mutating func interfacesChanged(_ interfaces: [MDNSInterface], now: Instant) {
        let wanted = interfaces.prefix(Self.interfaceCountMax).sorted { $0.index < $1.index }
        for link in links where !wanted.contains(where: { $0.index == link.interface.index }) {
            peers.forget(interface: link.interface.index)
        }
        tellChanges()
        let old = links
        links = []
        for interface in wanted where links.last?.interface.index != interface.index {
            if var link = old.first(where: { $0.interface.index == interface.index }) {
                if link.interface != interface {
                    link.interface = interface
                    Self.announceTwice(&link, now: now)
                    link.browser.refresh(now: now, jitter: &jitter)
                }
                links.append(link)
            } else {
                let browser = MDNSBrowser(limits: limits, now: now, jitter: &jitter)
                var link = Link(interface: interface, browser: browser)
                Self.announceTwice(&link, now: now)
                links.append(link)
            }
        }
    }

    /// Takes in a packet.
    ///
    /// `index` is the interface on which it came, or 0 where that is not known.
    package mutating func receive(
        _ bytes: Span<UInt8>,
        from source: SocketAddress,
        interface index: UInt32,
        now: Instant
    ) {
        guard case .ip(let host, let port, let zone) = source else { return }
        guard let link = link(index: index != 0 ? index : zone, host: host),
            links[link].interface.isOnLink(host)
        else {
            statistics.strayCount += 1
            return
        }
        let message: DNSMessage
        do throws(DNSError) {
            message = try DNSMessage(parsing: bytes)
        } catch {
            statistics.malformedCount += 1
            return
        }
        guard message.operation == 0, message.responseCode == 0 else { return }
        if !message.isResponse {
            answer(message, from: source, port: port, link: link, now: now)
        } else if port == Self.port {
            learn(message, link: link, now: now)
        } else {
            statistics.strayCount += 1
        }
    }

    /// Says goodbye on all interfaces.
    ///
    /// What was discovered is forgotten without a word.
    package mutating func stop() {
        for link in links {
            let bytes = records.response(.peer, on: link.interface, .goodbye)
            actions.append(.multicast(bytes, interface: link.interface.index))
        }
        links = []
        peers = MDNSPeerTable(limits: limits)
    }

    package var nextDeadline: Instant? {
        guard let first = links.map(\.nextDeadline).min() else { return nil }
        return min(first, peers.nextDeadline ?? first)
    }

    package mutating func advance(to now: Instant) {
        let refreshed = peers.advance(to: now)
        tellChanges()
        for index in links.indices {
            if refreshed.contains(links[index].interface.index) {
                links[index].browser.refresh(now: now, jitter: &jitter)
            }
            if let second = links[index].secondAnnouncement, second <= now {
                links[index].secondAnnouncement = nil
                links[index].responder.announce(.peer, at: now)
            }
            if let wanted = links[index].browser.take(now: now) { query(wanted, link: index, now: now) }
            if let kinds = links[index].responder.take(now: now) {
                let interface = links[index].interface
                // Without an address there is nothing to be found.
                if interface.addresses.isEmpty { continue }
                let bytes = records.response(kinds, on: interface, .multicast)
                actions.append(.multicast(bytes, interface: interface.index))
            }
        }
    }

    package mutating func nextAction() -> Action? { actions.popFirst() }

    // MARK: Private transitions

    /// Spec: RFC 6762, section 8.3: two at least, a second apart.
    private static func announceTwice(_ link: inout Link, now: Instant) {
        link.responder.announce(.peer, at: now)
        link.secondAnnouncement = now + .seconds(1)
    }

    /// The link of an interface; where that is not known, the one that the sender's address fits best.
    private func link(index: UInt32, host: IPAddress) -> Int? {
        if index != 0 { return links.firstIndex { $0.interface.index == index } }
        if links.count == 1 { return 0 }
        return links.firstIndex { $0.interface.hosts.contains(host) }
            ?? links.firstIndex { link in
                link.interface.hosts.contains {
                    $0.isIPv4 == host.isIPv4
                        && $0.octets.starts(with: host.octets.prefix(host.isIPv4 ? 3 : 8))
                }
            }
    }

    private mutating func query(_ wanted: [DNSName], link: Int, now: Instant) {
        let index = links[link].interface.index
        let messages = MDNSBrowser.query(
            service: records.service,
            wanted: wanted,
            known: peers.knownAnswers(interface: index, now: now),
            byteCountMax: limits.messageByteCountMax
        )
        for bytes in messages { actions.append(.multicast(bytes, interface: index)) }
        // A peer answers its own query too, so that others learn of it without asking.
        links[link].responder.announce(.peer, at: now)
    }

    private mutating func answer(
        _ query: DNSMessage,
        from source: SocketAddress,
        port: UInt16,
        link: Int,
        now: Instant
    ) {
        let known = records.kinds(known: query.answers)
        links[link].responder.suppress(known, for: source)
        let isLegacy = port != Self.port
        if links[link].interface.addresses.isEmpty { return }
        var toAll: MDNSRecords.Kinds = []
        var toOne: MDNSRecords.Kinds = []
        for question in query.questions {
            let kinds = records.kinds(for: question).subtracting(known)
            if isLegacy || question.wantsUnicast { toOne.formUnion(kinds) } else { toAll.formUnion(kinds) }
        }
        if !toOne.isEmpty {
            if !isLegacy {
                let ttl = Duration.seconds(Int64(limits.ttlSeconds))
                toAll.formUnion(links[link].responder.stale(toOne, ttl: ttl, now: now))
            }
            if links[link].responder.admitUnicast(now: now, perSecondMax: limits.unicastPerSecondMax) {
                let interface = links[link].interface
                let style: MDNSRecords.Style =
                    isLegacy ? .legacy(id: query.id, questions: Array(query.questions.prefix(1))) : .unicast
                let bytes = records.response(toOne, on: interface, style)
                actions.append(.unicast(bytes, to: source, interface: interface.index))
            }
        }
        links[link].responder.answer(
            toAll,
            to: source,
            sendsMore: query.isTruncated,
            now: now,
            jitter: &jitter
        )
    }

    private mutating func learn(_ response: DNSMessage, link: Int, now: Instant) {
        let interface = links[link].interface
        for sighting in MDNSSighting.all(in: response, service: records.service) {
            guard sighting.name != records.instance else { continue }
            let key = MDNSPeerTable.Key(interface: interface.index, name: sighting.name)
            if sighting.isGoodbye {
                peers.forgetSoon(key, now: now)
                continue
            }
            guard let texts = sighting.texts else {
                if !peers.contains(key) { links[link].browser.want(sighting.name, now: now, jitter: &jitter) }
                continue
            }
            let found = MDNSSighting.addresses(texts, on: interface, countMax: limits.addressCountMax)
            guard let (peerID, addresses) = found, peerID != self.peerID else { continue }
            peers.learn(
                key,
                peerID: peerID,
                addresses: addresses,
                ttlSeconds: sighting.ttlSeconds,
                replacesOthers: sighting.replacesOthers,
                now: now
            )
        }
        tellChanges()
    }

    private mutating func tellChanges() {
        for change in peers.takeChanges() {
            switch change {
            case .discovered(let peerID, let addresses): actions.append(.discovered(peerID, addresses))
            case .lost(let peerID): actions.append(.lost(peerID))
            }
        }
    }
}
