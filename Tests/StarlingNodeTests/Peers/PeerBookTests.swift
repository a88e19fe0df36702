import StarlingCore
import StarlingCrypto
import StarlingNode
import Testing

@Suite struct PeerBookTests {
    private let start = Instant(nanosecondsSinceOrigin: 0)

    private func peer(_ number: UInt8) throws -> PeerID {
        try IdentityKey(seed: [UInt8](repeating: number, count: 32)).peerID
    }

    private func address(_ port: Int) throws -> Multiaddr { try Multiaddr("/ip4/1.1.1.1/tcp/\(port)") }

    @Test func betterSourcesComeFirstAndAddressesExpire() throws {
        var book = PeerBook()
        let peer = try peer(1)
        book.add([try address(1)], of: peer, source: .hearsay, lifetime: .seconds(10), now: start)
        book.add([try address(2)], of: peer, source: .user, lifetime: .seconds(5), now: start)
        book.add([try address(3)], of: peer, source: .identify, lifetime: .seconds(20), now: start)
        #expect(book.addresses(of: peer, now: start) == [try address(2), try address(3), try address(1)])
        #expect(book.addresses(of: peer, now: start + .seconds(5)) == [try address(3), try address(1)])
        #expect(book.addresses(of: peer, now: start + .seconds(20)).isEmpty)
    }

    @Test func aRenewedAddressKeepsTheBetterSourceAndTheLaterEnd() throws {
        var book = PeerBook()
        let peer = try peer(1)
        let named = try Multiaddr("/ip4/1.1.1.1/tcp/1/p2p/\(peer)")
        book.add([named], of: peer, source: .user, lifetime: .seconds(10), now: start)
        book.add([try address(1)], of: peer, source: .hearsay, lifetime: .seconds(30), now: start)
        #expect(book[peer]?.addresses.count == 1)
        #expect(book[peer]?.addresses.first?.source == .user)
        #expect(book[peer]?.addresses.first?.expires == start + .seconds(30))
    }

    @Test func theWorstAddressIsForgottenBeyondTheLimit() throws {
        var limits = PeerBook.Limits()
        limits.addressCountMaxPerPeer = 3
        var book = PeerBook(limits: limits)
        let peer = try peer(1)
        book.add([try address(1)], of: peer, source: .user, lifetime: .seconds(1), now: start)
        for port in 2...9 {
            book.add([try address(port)], of: peer, source: .hearsay, lifetime: .seconds(port), now: start)
        }
        let kept = book.addresses(of: peer, now: start)
        #expect(kept == [try address(1), try address(8), try address(9)])
    }

    @Test func onlyANewerRecordReplacesWhatThePeerSaid() throws {
        var book = PeerBook()
        let peer = try peer(1)
        book.add([try address(1)], of: peer, source: .user, lifetime: .seconds(10), now: start)
        book.add([try address(2)], of: peer, source: .identify, lifetime: .seconds(10), now: start)
        book.take(record: [try address(3)], sequence: 5, of: peer, lifetime: .seconds(10), now: start)
        #expect(book.addresses(of: peer, now: start) == [try address(1), try address(3)])
        book.take(record: [try address(4)], sequence: 4, of: peer, lifetime: .seconds(10), now: start)
        #expect(book.addresses(of: peer, now: start) == [try address(1), try address(3)])
        #expect(book[peer]?.recordSequence == 5)
        book.take(record: [try address(4)], sequence: 6, of: peer, lifetime: .seconds(10), now: start)
        #expect(book.addresses(of: peer, now: start) == [try address(1), try address(4)])
    }

    @Test func thePeerHeardOfLongestAgoIsForgottenUnlessConnected() throws {
        var limits = PeerBook.Limits()
        limits.peerCountMax = 3
        var book = PeerBook(limits: limits)
        book.setConnected(true, try peer(1), now: start)
        for number in UInt8(2)...6 {
            book.add(
                [try address(1)],
                of: try peer(number),
                source: .user,
                lifetime: .seconds(10),
                now: start + .seconds(Int(number))
            )
        }
        #expect(book.peers == [try peer(1), try peer(5), try peer(6)].sorted())
    }

    @Test func inventedPeersPushOutEachOther() throws {
        var limits = PeerBook.Limits()
        limits.peerCountMax = 5
        var book = PeerBook(limits: limits)
        book.setConnected(true, try peer(1), now: start)
        book.set(protocols: ["/a"], agentVersion: "x", protocolVersion: "y", of: try peer(1), now: start)
        book.setConnected(false, try peer(1), now: start)
        let later = start + .seconds(5)
        book.add([try address(1)], of: try peer(2), source: .hearsay, lifetime: .seconds(9), now: start)
        book.add(
            [try address(1)],
            of: try peer(3),
            source: .localDiscovery,
            lifetime: .seconds(9),
            now: later
        )
        for number in UInt8(10)...200 {
            let now = later + .seconds(Int(number))
            book.add(
                [try address(1)],
                of: try peer(number),
                source: .hearsay,
                lifetime: .seconds(9),
                now: now
            )
            // Whoever is heard of again and again takes no more room for it.
            book.add([try address(2)], of: try peer(3), source: .hearsay, lifetime: .seconds(9), now: now)
        }
        let kept = [try peer(1), try peer(3), try peer(198), try peer(199), try peer(200)]
        #expect(book.peers == kept.sorted())
    }

    @Test func protocolsBeyondTheLimitAreNotKept() throws {
        var limits = PeerBook.Limits()
        limits.protocolCountMaxPerPeer = 2
        var book = PeerBook(limits: limits)
        book.set(
            protocols: ["/a", "/b", "/c"],
            agentVersion: "x",
            protocolVersion: "y",
            of: try peer(1),
            now: start
        )
        #expect(book[try peer(1)]?.protocols == ["/a", "/b"])
    }

    @Test func whatTheUserSaidOutlivesAFloodOfOthers() throws {
        var limits = PeerBook.Limits()
        limits.peerCountMax = 3
        var book = PeerBook(limits: limits)
        book.add([try address(1)], of: try peer(1), source: .user, lifetime: .seconds(1000), now: start)
        book.add([try address(1)], of: try peer(2), source: .user, lifetime: .seconds(2), now: start)
        for number in UInt8(3)...20 {
            let now = start + .seconds(Int(number))
            book.add(
                [try address(1)],
                of: try peer(number),
                source: .localDiscovery,
                lifetime: .seconds(10),
                now: now
            )
        }
        #expect(book.peers == [try peer(1), try peer(19), try peer(20)].sorted())
    }

    @Test func namesAndAddressesAreBoundedInBytesToo() throws {
        var limits = PeerBook.Limits()
        limits.addressByteCountMax = 12
        limits.protocolByteCountMaxPerPeer = 7
        var book = PeerBook(limits: limits)
        let peer = try peer(1)
        let long = try Multiaddr("/dns4/long.example/tcp/1")
        #expect(try address(1).bytes.count <= 12 && long.bytes.count > 12)
        book.add([try address(1), long], of: peer, source: .signedRecord, lifetime: .seconds(9), now: start)
        #expect(book.addresses(of: peer, now: start) == [try address(1)])
        book.add([long], of: peer, source: .user, lifetime: .seconds(9), now: start)
        #expect(book.addresses(of: peer, now: start).contains(long))
        book.set(
            protocols: ["/abc", "/de", "/"],
            agentVersion: "",
            protocolVersion: "",
            of: peer,
            now: start
        )
        #expect(book[peer]?.protocols == ["/abc", "/de"])
        book.set(
            protocols: ["/abc", "/def", "/"],
            agentVersion: "",
            protocolVersion: "",
            of: peer,
            now: start
        )
        #expect(book[peer]?.protocols == ["/abc"])
    }

    @Test func theAddressesOfAConnectedPeerLastUntilAnHourAfterTheConnection() throws {
        let peer = try peer(1)
        var book = PeerBook()
        book.add([try address(3)], of: peer, source: .identify, lifetime: .seconds(10), now: start)
        book.setConnected(true, peer, now: start)
        #expect(book.addresses(of: peer, now: start + .seconds(7200)) == [try address(3)])
        book.setConnected(false, peer, now: start + .seconds(7200))
        #expect(book.addresses(of: peer, now: start + .seconds(7200 + 3599)) == [try address(3)])
        #expect(book.addresses(of: peer, now: start + .seconds(7200 + 3600)) == [])
    }

    @Test func aRecordIsKeptAsItWasSignedUnlessItIsTooLong() throws {
        let peer = try peer(1)
        var book = PeerBook()
        book.take(record: [], in: [1, 2], sequence: 1, of: peer, lifetime: .seconds(10), now: start)
        #expect(book[peer]?.record == [1, 2])
        let long = [UInt8](repeating: 0, count: 4097)
        book.take(record: [], in: long, sequence: 2, of: peer, lifetime: .seconds(10), now: start)
        #expect(book[peer]?.record == [])
    }
}
