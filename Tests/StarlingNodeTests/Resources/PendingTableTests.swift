import StarlingCore
import StarlingNode
import Testing

@Suite struct PendingTableTests {
    private let a = PendingHost.v4(1)
    private let b = PendingHost.v4(2)
    private let c = PendingHost.v6(network: 3)

    @Test func belowTheLimitNobodyGivesWay() {
        var table = PendingTable()
        for _ in 0..<4 { #expect(table.admit(a, countMax: 4).displaced == nil) }
        #expect(table.count == 4)
    }

    @Test func atTheLimitTheOldestOfTheGreediestHostGivesWay() {
        var table = PendingTable()
        let honest = table.admit(b, countMax: 4).ticket
        let first = table.admit(a, countMax: 4).ticket
        let second = table.admit(a, countMax: 4).ticket
        _ = table.admit(a, countMax: 4)
        #expect(table.admit(a, countMax: 4).displaced == first)
        #expect(table.admit(c, countMax: 4).displaced == second)
        #expect(table.count == 4)
        table.remove(honest)
        #expect(table.count == 3)
    }

    @Test func amongEqualsTheOldestOfAllGivesWay() {
        var table = PendingTable()
        let first = table.admit(b, countMax: 3).ticket
        _ = table.admit(a, countMax: 3)
        _ = table.admit(c, countMax: 3)
        #expect(table.admit(a, countMax: 3).displaced == first)
    }

    @Test func aFloodNeverDisplacesAnother() {
        var table = PendingTable()
        let honest = table.admit(b, countMax: 64).ticket
        for _ in 0..<10_000 {
            #expect(table.admit(a, countMax: 64).displaced != honest)
            #expect(table.count <= 64)
        }
    }

    @Test func anUnknownTicketIsIgnored() {
        var table = PendingTable()
        let ticket = table.admit(a, countMax: 1).ticket
        let displaced = table.admit(a, countMax: 1).displaced
        #expect(displaced == ticket)
        table.remove(ticket)
        #expect(table.count == 1)
        table.remove(999)
        #expect(table.count == 1)
    }

    @Test func anIPv6HostIsItsNetwork() {
        let one = SocketAddress.ip(.v6(high: 7, low: 1), port: 1)
        let two = SocketAddress.ip(.v6(high: 7, low: 2), port: 2)
        #expect(PendingHost(one) == PendingHost(two))
        #expect(PendingHost(.ip(.v4(1), port: 1)) != PendingHost(.ip(.v4(2), port: 1)))
        #expect(PendingHost(.unix(path: "/a")) == .own)
    }
}
