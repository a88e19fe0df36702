import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingMesh

@Suite struct MailboxDirectoryTests {
    private let created = MessageKit.created

    private func list(_ key: UInt8 = 2, _ sequence: UInt64, lifetime: Duration = .seconds(3600))
        -> MailboxList
    {
        MailboxList(
            of: [.init(peer: MessageKit.key(UInt8(50 + sequence)).peerID)],
            sequence: sequence,
            created: created,
            lifetime: lifetime,
            from: MessageKit.key(key)
        )
    }

    private func later(_ seconds: Int64) -> WallTime {
        WallTime(millisecondsSince1970: created.millisecondsSince1970 + seconds * 1000)
    }

    @Test func theHighestSequenceCounts() {
        var directory = MailboxDirectory()
        let bob = MessageKit.bob.peerID
        for (sequence, isNews) in [(2, true), (2, false), (1, false), (3, true)] as [(UInt64, Bool)] {
            let found = directory.take(list(2, sequence), wallNow: created)
            #expect(found == isNews, "\(sequence)")
        }
        #expect(directory.list(of: bob, wallNow: created)?.sequence == 3)
        #expect(directory.list(of: MessageKit.alice.peerID, wallNow: created) == nil)
    }

    @Test func aListEndsWithItsLifetime() {
        var directory = MailboxDirectory()
        _ = directory.take(list(2, 5), wallNow: created)
        let bob = MessageKit.bob.peerID
        #expect(directory.list(of: bob, wallNow: later(3600 + 900)) != nil)
        #expect(directory.list(of: bob, wallNow: later(3600 + 901)) == nil)
        let stale = directory.take(list(2, 6), wallNow: later(3600 + 901))
        #expect(!stale)
        let renewed = directory.take(list(2, 4, lifetime: .seconds(86_400)), wallNow: later(3600 + 901))
        #expect(renewed, "one that holds counts more than one that does not")
    }

    @Test func theOneToldOfLongestAgoIsForgotten() {
        var limits = MailboxDirectory.Limits()
        limits.listCountMax = 2
        var directory = MailboxDirectory(limits: limits)
        for (key, sequence) in [(1, 1), (2, 1), (1, 2), (3, 1)] as [(UInt8, UInt64)] {
            _ = directory.take(list(key, sequence), wallNow: created)
            #expect(directory.tableFills.allSatisfy { !$0.isOverfull })
        }
        let known = (1...3).map { directory.list(of: MessageKit.key($0).peerID, wallNow: created) != nil }
        #expect(known == [true, false, true])
        for sequence in 3...40 { _ = directory.take(list(1, UInt64(sequence)), wallNow: created) }
        #expect(directory.list(of: MessageKit.key(3).peerID, wallNow: created) != nil)
    }

    @Test func whatIsOwedToADiskThatFailsIsOneListOfEachPeer() throws {
        var limits = MailboxDirectory.Limits()
        limits.listCountMax = 3
        var directory = MailboxDirectory(limits: limits)
        for round in 0..<10 as Range<UInt64> {
            // The second of them takes the place of the first, and so on.
            for key in 1...20 as ClosedRange<UInt8> {
                _ = directory.take(list(key, round + 1), wallNow: created)
                _ = directory.take(list(key, round + 2), wallNow: created)
            }
            let taken = directory.takeBatch()
            #expect(taken?.changes.count == 3, "what was never written need not go")
            directory.storeFailed()
        }
        var disk = RigDisk()
        for key in 20...40 as ClosedRange<UInt8> {
            _ = directory.take(list(key, 1), wallNow: created)
            guard let taken = directory.takeBatch() else { continue }
            disk.apply(taken)
            directory.stored()
        }
        #expect(disk.rows(of: MailboxTables.lists).count == 3)
        #expect(directory.count == 3)
    }

    @Test func whatWasWrittenIsThereAfterARestart() throws {
        var (directory, disk) = (MailboxDirectory(), RigDisk())
        _ = directory.take(list(1, 1), wallNow: created)
        _ = directory.takeBatch()
        _ = directory.take(list(2, 7), wallNow: created)
        directory.storeFailed()
        let taken = directory.takeBatch()
        disk.apply(try #require(taken))
        directory.stored()
        let more = directory.takeBatch()
        #expect(more == nil)
        var again = MailboxDirectory()
        for row in disk.rows(of: MailboxTables.lists) { try again.restore(row, wallNow: created) }
        #expect(again.list(of: MessageKit.bob.peerID, wallNow: created) == list(2, 7))
        #expect(again.count == 2)
        var late = MailboxDirectory()
        for row in disk.rows(of: MailboxTables.lists) { try late.restore(row, wallNow: later(90_000)) }
        let cleared = late.takeBatch()
        disk.apply(try #require(cleared))
        #expect(late.count == 0 && disk.rows(of: MailboxTables.lists).isEmpty)
    }
}
