import StarlingMesh
import Testing

@Suite struct SendQueuesTests {
    /// Takes everything, as one text: `e`, `h`, `n`, `l` by priority.
    private static func drain(_ queues: inout SendQueues, among priorities: PrioritySet = .all) -> String {
        var text = ""
        while let (_, priority) = queues.next(among: priorities) { text += letters[Int(priority.rawValue)] }
        return text
    }

    private static let letters = ["e", "h", "n", "l"]

    private static func fill(
        _ queues: inout SendQueues,
        _ priority: MessagePriority,
        _ count: Int,
        byteCount: Int
    ) {
        for reference in 0..<count { _ = queues.append(Int32(reference), byteCount: byteCount, priority) }
    }

    @Test func emergencyGoesFirst() {
        var queues = SendQueues()
        Self.fill(&queues, .low, 2, byteCount: 10)
        Self.fill(&queues, .high, 2, byteCount: 10)
        _ = queues.next()
        Self.fill(&queues, .emergency, 2, byteCount: 1_000_000)
        #expect(Self.drain(&queues).hasPrefix("ee"))
    }

    @Test func theOthersShareTheBytesByTheirWeights() {
        var limits = SendQueues.Limits()
        limits.counts = [10, 1000, 1000, 1000]
        limits.quantumByteCount = 1000
        var queues = SendQueues(limits: limits)
        // Large messages get no more bytes than small ones.
        for (priority, byteCount) in [(MessagePriority.high, 100), (.normal, 1000), (.low, 250)] {
            Self.fill(&queues, priority, 1000, byteCount: byteCount)
        }
        var bytes: [MessagePriority: Int] = [:]
        for _ in 0..<1000 {
            guard let (_, priority) = queues.next() else { break }
            bytes[priority, default: 0] += [100, 1000, 250][Int(priority.rawValue) - 1]
        }
        let low = Double(bytes[.low] ?? 0)
        #expect(abs(Double(bytes[.high] ?? 0) / low - 4) < 0.3)
        #expect(abs(Double(bytes[.normal] ?? 0) / low - 2) < 0.3)
    }

    @Test func oneThatIsAloneTakesAll() {
        var queues = SendQueues()
        Self.fill(&queues, .low, 500, byteCount: 1_000_000)
        #expect(Self.drain(&queues) == String(repeating: "l", count: 500))
    }

    @Test func whatCannotBeSentIsPassedOver() {
        var queues = SendQueues()
        for priority in MessagePriority.allCases { Self.fill(&queues, priority, 1, byteCount: 10) }
        var open = PrioritySet.all
        open.remove(PrioritySet(.emergency))
        open.remove(PrioritySet(.high))
        #expect(Self.drain(&queues, among: open) == "nl")
        #expect(queues.next(among: open) == nil)
        #expect(Self.drain(&queues) == "eh")
        #expect(queues.next() == nil)
    }

    @Test(arguments: MessagePriority.allCases) func eachHasItsRoom(priority: MessagePriority) {
        let limit = [10, 50, 200, 500][Int(priority.rawValue)]
        var queues = SendQueues()
        Self.fill(&queues, priority, limit - 1, byteCount: 1)
        #expect(queues.hasRoom(priority))
        Self.fill(&queues, priority, 1, byteCount: 1)
        #expect(!queues.hasRoom(priority))
        _ = queues.next()
        #expect(!queues.hasRoom(priority), "what is sent takes room until its receipt")
        queues.release(priority)
        #expect(queues.hasRoom(priority))
        queues.claim(priority)
        #expect(!queues.hasRoom(priority))
        queues.removeAll()
        #expect(queues.count == 0 && queues.hasRoom(priority))
    }

    @Test func theOldestLowMakesWayForAnEmergency() {
        var queues = SendQueues()
        Self.fill(&queues, .emergency, 10, byteCount: 1)
        #expect(queues.displaceLow() == nil, "nothing to displace")
        for reference in 100..<103 { _ = queues.append(Int32(reference), byteCount: 1, .low) }
        #expect(queues.displaceLow() == 100)
        #expect(queues.hasRoom(.emergency))
        _ = queues.append(10, byteCount: 1, .emergency)
        #expect(!queues.hasRoom(.emergency))
        // LOW has one place less until an EMERGENCY is through.
        Self.fill(&queues, .low, 497, byteCount: 1)
        #expect(queues.count(.low) == 499 && !queues.hasRoom(.low))
        _ = queues.next()
        queues.release(.emergency)
        #expect(queues.hasRoom(.low))
        #expect(!queues.hasRoom(.emergency), "and EMERGENCY has its own ten again")
    }

    @Test func anyReferenceCanBeTakenOut() {
        var queues = SendQueues()
        let places = (0..<5).map { queues.append(Int32($0), byteCount: 1, .normal) }
        for index in [0, 4, 2] { queues.remove(places[index], .normal) }
        #expect(queues.waitingCount == 2)
        _ = queues.append(9, byteCount: 1, .normal)
        var order: [Int32] = []
        while let (reference, _) = queues.next() { order.append(reference) }
        #expect(order == [1, 3, 9])
    }
}
