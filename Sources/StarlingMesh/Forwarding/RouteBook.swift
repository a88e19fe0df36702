internal import StarlingCore

/// Over which neighbours peers are reached, as a router told.
///
/// There may be a thousand peers and more, and few neighbours: a neighbour's name stands here once, and each route has its number.
struct RouteBook: Sendable {
    /// Neighbours that are known by number before those without a route are forgotten: twice what a ``RouteTable`` has links.
    static let nameCountMax = 1024

    /// The neighbours by their numbers here.
    private var routes: [PeerID: RouteHops] = [:]
    private var names: [PeerID] = []
    private var numbers: [PeerID: Int] = [:]

    /// Takes the neighbours through which a peer is reached in place of those before; none when it is not.
    ///
    /// - Returns: Whether the best is another one than before.
    mutating func set(_ hops: [RouteHop], for peer: PeerID) -> Bool {
        guard !hops.isEmpty else { return routes.removeValue(forKey: peer) != nil }
        if names.count + RouteHops.countMax > Self.nameCountMax { forgetIdleNames() }
        var route = RouteHops()
        for hop in hops.prefix(RouteHops.countMax) {
            guard let number = number(of: hop.peer) else { break }
            route.append(number, linkCount: hop.hops)
        }
        let before = routes.updateValue(route, forKey: peer)
        return before?.first != route.first
    }

    /// Links that the shortest way to a peer crosses over neighbours of which something holds; `nil` where there is none.
    func linkCount(to peer: PeerID, where isWanted: (PeerID) -> Bool) -> Int? {
        guard let route = routes[peer] else { return nil }
        var least: Int?
        for place in route.indices where isWanted(names[route[place]]) {
            least = min(least ?? .max, route.linkCount(place))
        }
        return least
    }

    /// The best of the neighbours to a peer of which something holds, over whom the way crosses no more than so many links.
    func first(
        to peer: PeerID,
        linkCountMax: UInt32 = .max,
        where isWanted: (PeerID) -> Bool
    ) -> PeerID? {
        guard let route = routes[peer] else { return nil }
        for place in route.indices where route.linkCount(place) <= linkCountMax {
            let name = names[route[place]]
            if isWanted(name) { return name }
        }
        return nil
    }

    /// The neighbours to a peer, the best first, over whom the way crosses no more than so many links.
    func hops(to peer: PeerID, linkCountMax: UInt32 = .max) -> [PeerID] {
        guard let route = routes[peer] else { return [] }
        return route.indices.filter { route.linkCount($0) <= linkCountMax }.map { names[route[$0]] }
    }

    private mutating func number(of name: PeerID) -> Int? {
        if let known = numbers[name] { return known }
        guard names.count < Self.nameCountMax else { return nil }
        let number = names.count
        names.append(name)
        numbers[name] = number
        return number
    }

    /// Gives those neighbours new numbers that routes go over, and forgets the others.
    private mutating func forgetIdleNames() {
        let old = names
        (names, numbers) = ([], [:])
        for (peer, route) in routes {
            var hops = RouteHops()
            for place in route.indices {
                guard let number = number(of: old[route[place]]) else { break }
                hops.append(number, linkCount: route.linkCount(place))
            }
            routes[peer] = hops
        }
    }
}
