internal import StarlingCore

/// Over which neighbours peers are reached, as a router told.
///
/// There may be a thousand peers and more, and few neighbours: a neighbour's name stands here once, and each route has its number.
struct RouteBook: Sendable {
    /// Neighbours that are known by number before those without a route are forgotten: twice what a ``RouteTable`` has links.
    static let nameCountMax = 1024

    private struct Route {
        /// The neighbours by their numbers here.
        var hops = RouteHops()
        /// Links that the shortest of these ways crosses.
        var linkCount: UInt8
    }

    private var routes: [PeerID: Route] = [:]
    private var names: [PeerID] = []
    private var numbers: [PeerID: Int] = [:]

    /// Takes the neighbours through which a peer is reached in place of those before; none when it is not.
    ///
    /// - Returns: Whether the best is another one than before.
    mutating func set(_ hops: [PeerID], linkCount: Int, for peer: PeerID) -> Bool {
        guard !hops.isEmpty else { return routes.removeValue(forKey: peer) != nil }
        if names.count + RouteHops.countMax > Self.nameCountMax { forgetIdleNames() }
        var route = Route(linkCount: UInt8(clamping: linkCount))
        for hop in hops.prefix(RouteHops.countMax) {
            guard let number = number(of: hop) else { break }
            route.hops.append(number)
        }
        let before = routes.updateValue(route, forKey: peer)
        return before?.hops.first != route.hops.first
    }

    /// Links that the shortest way to a peer crosses; `nil` where there is none.
    func linkCount(to peer: PeerID) -> Int? { routes[peer].map { Int($0.linkCount) } }

    /// The best of the neighbours to a peer of which something holds.
    func first(to peer: PeerID, where isWanted: (PeerID) -> Bool) -> PeerID? {
        guard let route = routes[peer] else { return nil }
        for place in route.hops.indices {
            let name = names[route.hops[place]]
            if isWanted(name) { return name }
        }
        return nil
    }

    /// The neighbours to a peer, the best first.
    func hops(to peer: PeerID) -> [PeerID] {
        guard let route = routes[peer] else { return [] }
        return route.hops.indices.map { names[route.hops[$0]] }
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
            for place in route.hops.indices {
                guard let number = number(of: old[route.hops[place]]) else { break }
                hops.append(number)
            }
            routes[peer]?.hops = hops
        }
    }
}
