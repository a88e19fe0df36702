import StarlingCore
import StarlingMesh
import Testing

@testable import StarlingSimulator

@Suite struct FleetMailTests {
    private static func name(_ number: UInt8) -> MessageName {
        MessageName(
            from: PeerID(checkedMultihash: [0, 2, 8, 1]),
            id: MessageID(random: [UInt8](repeating: number, count: 16))
        )
    }

    private static func mail() -> FleetMail {
        var random = SplitMix64(seed: 1)
        return FleetMail(
            mailboxCount: 8,
            known: (0..<6).map { node in (0..<6).filter { $0 != node } },
            using: &random
        )
    }

    @Test func aFifthCopyIsOneTooManyAndAFourthIsNot() {
        let mail = Self.mail()
        let shelf = FleetMail.Shelf(names: [Self.name(1), Self.name(2)], life: 1, changeCount: 1)
        for node in 0..<4 { #expect(mail.saw(shelf, at: node).isEmpty) }
        #expect(mail.leftCount == 8 && mail.seenCount == 8)
        let excess = mail.saw(FleetMail.Shelf(names: [Self.name(2)], life: 1, changeCount: 1), at: 4)
        #expect(excess.map(\.name) == [Self.name(2)] && excess.map(\.count) == [5])
    }

    @Test func aCopyThatIsGoneMakesRoomAndOneThatStaysIsNotCountedAgain() {
        let mail = Self.mail()
        let shelf = FleetMail.Shelf(names: [Self.name(1)], life: 1, changeCount: 1)
        for node in 0..<4 { _ = mail.saw(shelf, at: node) }
        // In its next life the node has it from its disk.
        #expect(mail.saw(FleetMail.Shelf(names: [Self.name(1)], life: 2, changeCount: 0), at: 3).isEmpty)
        #expect(mail.seenCount == 4)
        #expect(mail.saw(FleetMail.Shelf(names: [], life: 1, changeCount: 2), at: 0).isEmpty)
        #expect(mail.saw(shelf, at: 4).isEmpty)
        #expect(mail.leftCount == 4 && mail.seenCount == 5)
        #expect(mail.saw(shelf, at: 5).map(\.count) == [5])
    }
}
