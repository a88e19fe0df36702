import StarlingCore
import StarlingMesh

// What happens to the links and the machines of a fabric.
extension RouteFabric {
    // MARK: Links

    /// Connects two machines; an older connection that one of them still believes in is replaced.
    mutating func connect(_ one: Int, _ other: Int) {
        guard one != other, nodes[one].machine != nil, nodes[other].machine != nil,
            aliveLink(one, other) == nil
        else {
            return
        }
        for link in links.indices where links[link].joins(one, other) {
            for node in [one, other] { notice(link, node) }
        }
        let span = options.delayMilliseconds
        let delay = Duration.milliseconds(span.lowerBound + draws.below(span.count))
        let link = FabricLink(ends: [one, other], delay: delay, lastArrival: [now, now])
        add(link)
        let quality = LinkQuality(roundTrip: delay * 2)
        for (node, peer) in [(one, other), (other, one)] {
            let id = nodes[peer].id
            with(node) { $0.linkUp(id, quality, now: $1, wallNow: $2) }
        }
    }

    /// The link carries nothing any more; each end knows that after a while.
    mutating func cut(_ link: Int) {
        guard links[link].isAlive else { return }
        setAlive(link, false)
        for node in links[link].ends { scheduleNotice(link, node) }
    }

    /// Both ends of a link find it other than it was.
    mutating func remeasure(_ link: Int) {
        guard links[link].isAlive else { return }
        let span = options.delayMilliseconds
        setDelay(link, .milliseconds(span.lowerBound + draws.below(span.count)))
        let quality = LinkQuality(
            roundTrip: links[link].delay * 2,
            lossRatio: draws.happens(0.3) ? 0.3 : 0,
            bytesPerSecond: draws.happens(0.3) ? 200_000 : nil
        )
        for side in 0...1 where links[link].isUp[side] {
            let peer = nodes[links[link].ends[1 - side]].id
            with(links[link].ends[side]) { $0.linkMeasured(peer, quality, now: $1, wallNow: $2) }
        }
    }

    /// The streams of a link are reset, and begin anew, in one direction.
    mutating func resetStream(_ link: Int) {
        guard links[link].isAlive, links[link].isUp == [true, true] else { return }
        let side = draws.below(2)
        let (writer, reader) = (links[link].ends[side], links[link].ends[1 - side])
        // What was on its way is lost with the stream: the link is another one from here on.
        var fresh = links[link]
        setAlive(link, false)
        for side in 0...1 { setUp(link, side, false) }
        fresh.lastArrival = [now, now]
        add(fresh)
        let (writerID, readerID) = (nodes[writer].id, nodes[reader].id)
        with(reader) {
            $0.incomingReset(writerID, now: $1, wallNow: $2)
            $0.outgoingReset(writerID, now: $1, wallNow: $2)
        }
        with(writer) {
            $0.incomingReset(readerID, now: $1, wallNow: $2)
            $0.outgoingReset(readerID, now: $1, wallNow: $2)
        }
    }

    /// One end of a link takes the other one for silent, for dead, or for neither, whatever it is.
    mutating func suspect(_ link: Int) {
        let suspicions: [NeighbourSuspicion] = [.silent, .dead, .none]
        suspect(link, draws.below(2), suspicions[draws.below(3)])
    }

    /// Both ends of a link take each other for neither.
    mutating func acquit(_ link: Int) {
        for side in 0...1 { suspect(link, side, .none) }
    }

    private mutating func suspect(_ link: Int, _ side: Int, _ suspicion: NeighbourSuspicion) {
        guard links[link].isUp[side] else { return }
        let peer = nodes[links[link].ends[1 - side]].id
        with(links[link].ends[side]) { $0.suspected(peer, suspicion, now: $1, wallNow: $2) }
    }

    private mutating func scheduleNotice(_ link: Int, _ node: Int) {
        // Some connections end with a word, others in silence.
        let wait = draws.happens(0.5) ? 50 : options.noticeMilliseconds
        schedule(.notice(link: link, node: node), after: .milliseconds(1 + draws.below(wait)))
    }

    /// One end finds out that a link is dead.
    mutating func notice(_ link: Int, _ node: Int) {
        let side = links[link].side(of: node)
        guard links[link].isUp[side] else { return }
        setUp(link, side, false)
        let peer = nodes[links[link].ends[1 - side]].id
        with(node) { $0.linkDown(peer, now: $1, wallNow: $2) }
    }

    // MARK: Machines

    /// A machine stops in the middle of whatever it does; what it was writing is on its disk or not.
    mutating func crash(_ node: Int, losesDisk: Bool, restartAfter: Duration) {
        guard nodes[node].machine != nil else { return }
        nodes[node].machine = nil
        if let batch = nodes[node].batch, draws.happens(0.5) { nodes[node].disk.apply(batch) }
        nodes[node].batch = nil
        nodes[node].wakeAt = nil
        if losesDisk { for table in RoutingTables.all { nodes[node].disk.drop(table) } }
        var peers: [Int] = []
        for link in links.indices where links[link].ends.contains(node) {
            let side = links[link].side(of: node)
            if links[link].isAlive {
                let peer = links[link].ends[1 - side]
                peers.append(peer)
                scheduleNotice(link, peer)
            }
            setAlive(link, false)
            setUp(link, side, false)
        }
        check.stop(node)
        neighbours[node] = peers
        schedule(.start(node: node), after: restartAfter)
    }

    mutating func restart(_ node: Int) {
        guard nodes[node].machine == nil else { return }
        let isLost = RoutingTables.all.allSatisfy { nodes[node].disk.rows(of: $0).isEmpty }
        start(node, isLost ? (options.hidesLoss ? .fresh : .lost) : .kept)
        for peer in neighbours[node] ?? [] { connect(node, peer) }
    }

    // MARK: Topologies

    /// Connects the machines to a mesh of about this degree, in which everybody reaches everybody.
    mutating func connectMesh(degree: Int) {
        for node in nodes.indices.dropFirst() { connect(node, draws.below(node)) }
        let wanted = nodes.count * degree / 2
        while links.count < wanted {
            connect(draws.below(nodes.count), draws.below(nodes.count))
        }
    }

    /// One random change of the topology.
    mutating func change() {
        let alive = links.indices.filter { links[$0].isAlive }
        let isSparse = alive.count < nodes.count
        switch draws.below(isSparse ? 3 : 8) {
        case 0...2: connect(draws.below(nodes.count), draws.below(nodes.count))
        case 3...5: cut(alive[draws.below(alive.count)])
        case 6: remeasure(alive[draws.below(alive.count)])
        default: resetStream(alive[draws.below(alive.count)])
        }
    }

    // MARK: Judging

    /// Machines that are up and can be reached from a machine, with the number of links to each.
    func distances(from node: Int) -> [Int: Int] {
        var peers = [[Int]](repeating: [], count: nodes.count)
        for link in links where link.isAlive {
            peers[link.ends[0]].append(link.ends[1])
            peers[link.ends[1]].append(link.ends[0])
        }
        var found = [node: 0]
        var queue = [node]
        var place = 0
        while place < queue.count {
            let next = queue[place]
            place += 1
            for other in peers[next] {
                guard found[other] == nil else { continue }
                found[other] = (found[next] ?? 0) + 1
                queue.append(other)
            }
        }
        return found
    }

    /// Pairs of machines that could reach each other and have no way, by following first choices.
    var missing: [(from: Int, to: Int)] {
        var missing: [(from: Int, to: Int)] = []
        for node in nodes.indices where nodes[node].machine != nil {
            let near = distances(from: node)
            for (other, hops) in near.sorted(by: { $0.key < $1.key }) where other != node && hops <= 10 {
                if !arrives(node, other) { missing.append((node, other)) }
            }
        }
        return missing
    }

    private func arrives(_ from: Int, _ to: Int) -> Bool {
        var node = from
        for _ in nodes.indices {
            guard let next = check.firstHop(from: node, to: to), aliveLink(node, next) != nil else {
                return false
            }
            if next == to { return true }
            node = next
        }
        return false
    }
}
