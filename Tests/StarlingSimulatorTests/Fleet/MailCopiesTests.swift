import StarlingCore
import StarlingMesh
import Testing

@testable import StarlingSimulator

@Suite struct MailCopiesTests {
    private static func name(_ number: UInt8) -> MessageName {
        MessageName(
            from: PeerID(checkedMultihash: [0, 2, 8, 1]),
            id: MessageID(random: [UInt8](repeating: number, count: 16))
        )
    }

    @Test func aFifthCopyIsOneTooManyAndAFourthIsNot() {
        var copies = MailCopies(nodeCount: 6)
        for node in 0..<4 { copies.saw([Self.name(1), Self.name(2)], at: node) }
        #expect(copies.takeExcess() == [])
        #expect(copies.leftCount == 8 && copies.seenCount == 8 && copies.countMax == 4)
        copies.saw([Self.name(2)], at: 5)
        let excess = MailCopies.Excess(name: Self.name(2), nodes: [0, 1, 2, 3, 5])
        #expect(copies.takeExcess() == [excess] && copies.countMax == 5)
        #expect(excess.text.hasPrefix("there are 5 copies of message "))
        // It is told once, as long as no copy comes to it.
        #expect(copies.takeExcess() == [])
    }

    @Test func aCopyThatIsGoneMakesRoomAndOneThatStaysIsNotCountedAgain() {
        var copies = MailCopies(nodeCount: 6)
        for node in 0..<4 { copies.saw([Self.name(1)], at: node) }
        copies.saw([Self.name(1)], at: 3)
        #expect(copies.seenCount == 4)
        copies.saw([], at: 0)
        copies.saw([Self.name(1)], at: 4)
        #expect(copies.takeExcess() == [] && copies.leftCount == 4 && copies.seenCount == 5)
        copies.saw([Self.name(1)], at: 5)
        #expect(copies.takeExcess().map(\.nodes) == [[1, 2, 3, 4, 5]])
    }

    /// All nodes are looked at one after the other, and what they keep at the end of that counts.
    @Test func aCopyThatMovedWithinALookIsNotTwo() {
        var copies = MailCopies(nodeCount: 6)
        for node in 1..<5 { copies.saw([Self.name(1)], at: node) }
        #expect(copies.takeExcess() == [])
        copies.saw([Self.name(1)], at: 0)
        copies.saw([], at: 4)
        #expect(copies.takeExcess() == [] && copies.countMax == 4)
    }
}
