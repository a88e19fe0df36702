package import StarlingCore

/// Whom a connection that is not open yet is charged to: an IPv4 address, an IPv6 network, or this machine.
package enum PendingHost: Hashable, Sendable {
    case v4(UInt32)
    /// The first 64 bits: whoever has one IPv6 address has all those of its network.
    case v6(network: UInt64)
    /// A Unix socket.
    case own

    package init(_ remote: SocketAddress) {
        switch remote {
        case .ip(.v4(let address), _, _): self = .v4(address)
        case .ip(.v6(let high, _), _, _): self = .v6(network: high)
        case .unix: self = .own
        }
    }
}

/// Inbound connections between accept and open, and which of them gives way when there are too many.
///
/// A newcomer is always taken. At the limit the oldest connection of the host that has the most gives way: a full
/// table that refused newcomers would let whoever fills it shut everyone out for as long as the upgrade's time-out,
/// and to take the oldest of all would let a flood from one host wash away the slow handshakes of others. So a host
/// that floods displaces its own, and only many hosts together, each with no more than its share, displace others'.
package struct PendingTable: Sendable {
    package struct Admission: Equatable, Sendable {
        /// The newcomer's number.
        package var ticket: UInt64
        /// Who has to give way, and is not counted from here on.
        package var displaced: UInt64?
    }

    private struct Entry {
        var ticket: UInt64
        var host: PendingHost
    }

    /// In the order of arrival.
    private var entries: [Entry] = []
    private var counts: [PendingHost: Int] = [:]
    private var lastTicket: UInt64 = 0

    package init() {}

    package var count: Int { entries.count }

    /// Takes a newcomer.
    ///
    /// - Precondition: `countMax` is positive.
    package mutating func admit(_ host: PendingHost, countMax: Int) -> Admission {
        precondition(countMax > 0)
        var displaced: UInt64?
        if entries.count >= countMax { displaced = removeFromGreediest() }
        lastTicket += 1
        entries.append(Entry(ticket: lastTicket, host: host))
        counts[host, default: 0] += 1
        return Admission(ticket: lastTicket, displaced: displaced)
    }

    /// Forgets a connection; one that is not there is ignored.
    package mutating func remove(_ ticket: UInt64) {
        // Tickets count up, so the place is found by halving.
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].ticket < ticket { low = middle + 1 } else { high = middle }
        }
        guard low < entries.count, entries[low].ticket == ticket else { return }
        remove(at: low)
    }

    private mutating func removeFromGreediest() -> UInt64? {
        // The largest count does not depend on the dictionary's order; the first entry that has it decides.
        let most = counts.values.max() ?? 0
        guard let index = entries.firstIndex(where: { counts[$0.host] == most }) else { return nil }
        let ticket = entries[index].ticket
        remove(at: index)
        return ticket
    }

    private mutating func remove(at index: Int) {
        let host = entries.remove(at: index).host
        let count = (counts[host] ?? 1) - 1
        counts[host] = count > 0 ? count : nil
    }
}
