package import StarlingCore

/// Which addresses of a peer to dial, in which order and how far apart.
///
/// Near before far, direct before relayed, IPv6 before IPv4; an attempt starts every
/// ``Limits/attemptInterval`` until one succeeds, and at once when every attempt under way has failed.
///
/// Method: RFC 8305 "Happy Eyeballs", section 5, over libp2p addresses.
package struct DialPlan: Machine, Sendable {
    package enum Action: Equatable, Sendable {
        /// Begin to dial the address at this index of ``addresses``.
        case start(Int)
    }

    package struct Limits: Sendable {
        /// Between two attempts, while the earlier one is undecided.
        package var attemptInterval: Duration = .milliseconds(250)
        /// Attempts under way at one time; more wait.
        package var parallelCountMax = 8
        /// Addresses that are tried at all; the worst ranked are left out.
        package var addressCountMax = 32

        package init() {}
    }

    /// What is dialled, the best first; only those that have not been started change their places.
    package private(set) var addresses: [Multiaddr]

    private let limits: Limits
    private var nextIndex = 0
    private var underWay = 0
    private var hasSucceeded = false
    private var nextStart: Instant
    private var actions = RingQueue<Action>()

    /// - Parameter addresses: Candidates in any order; the same address twice counts once.
    package init(addresses: [Multiaddr], limits: Limits = Limits(), now: Instant) {
        self.addresses = []
        self.limits = limits
        nextStart = now
        add(addresses, now: now)
    }

    /// More candidates, which have been found meanwhile: they join those that wait.
    package mutating func add(_ more: [Multiaddr], now: Instant) {
        var seen = Set(addresses[..<nextIndex])
        let waiting = (addresses[nextIndex...] + more).filter { seen.insert($0).inserted }
        let ranked = waiting.enumerated().sorted {
            (AddressRank($0.element), $0.offset) < (AddressRank($1.element), $1.offset)
        }
        let room = max(0, limits.addressCountMax - nextIndex)
        addresses = addresses[..<nextIndex] + ranked.prefix(room).map(\.element)
        startDue(now)
    }

    /// Whether every address was tried and failed.
    package var isExhausted: Bool { !hasSucceeded && underWay == 0 && nextIndex == addresses.count }

    package var nextDeadline: Instant? {
        guard !hasSucceeded, nextIndex < addresses.count, underWay < limits.parallelCountMax else {
            return nil
        }
        return nextStart
    }

    package mutating func advance(to now: Instant) { startDue(now) }

    /// An attempt that was started has failed.
    package mutating func attemptFailed(now: Instant) {
        underWay -= 1
        if underWay == 0 { nextStart = now }
        startDue(now)
    }

    /// An attempt has succeeded: no other is started.
    package mutating func attemptSucceeded() {
        underWay -= 1
        hasSucceeded = true
    }

    /// Nothing more is started; which addresses that leaves untried.
    package mutating func giveUp() -> [Multiaddr] {
        actions.removeAll()
        defer { addresses.removeLast(addresses.count - nextIndex) }
        return Array(addresses[nextIndex...])
    }

    package mutating func nextAction() -> Action? { actions.popFirst() }

    private mutating func startDue(_ now: Instant) {
        while let deadline = nextDeadline, deadline <= now {
            actions.append(.start(nextIndex))
            nextIndex += 1
            underWay += 1
            nextStart = now + limits.attemptInterval
        }
    }
}

/// How good an address looks before it was tried; less is better.
package struct AddressRank: Comparable, Sendable {
    private let reach: Int
    private let kind: Int
    private let family: Int

    package init(_ address: Multiaddr) {
        switch (address.transportKind, address.host) {
        case (.circuit, _): (reach, family) = (4, 0)
        case (.unix, _), (.memory, _): (reach, family) = (0, 0)
        case (_, .ip(let ip, _)):
            reach = ip.isLoopback ? 0 : ip.isLinkLocal || ip.isPrivate ? 1 : 2
            family = ip.isIPv6 ? 0 : 1
        case (_, .dns), (_, nil): (reach, family) = (3, 0)
        }
        kind = address.transportKind == .tcp ? 0 : 1
    }

    package static func < (lhs: AddressRank, rhs: AddressRank) -> Bool {
        (lhs.reach, lhs.kind, lhs.family) < (rhs.reach, rhs.kind, rhs.family)
    }
}
