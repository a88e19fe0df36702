import StarlingCore
import Testing

@Suite struct RingQueueTests {
    @Test func whatWentInFirstComesOutFirst() {
        var queue = RingQueue<Int>()
        #expect(queue.isEmpty)
        #expect(queue.popFirst() == nil)
        #expect(queue.first == nil)
        for number in 0..<10 { queue.append(number) }
        #expect(queue.count == 10)
        #expect(queue.first == 0)
        #expect((0..<10).map { queue[$0] } == Array(0..<10))
        #expect((0..<10).map { _ in queue.popFirst() } == Array(0..<10))
        #expect(queue.isEmpty)
    }

    @Test func whatIsPrependedComesOutFirst() {
        var queue = RingQueue<Int>()
        queue.prepend(2)
        queue.append(3)
        queue.prepend(1)
        queue[1] = 20
        #expect([queue.popFirst(), queue.popFirst(), queue.popFirst()] == [1, 20, 3])
    }

    @Test func itBehavesLikeAnArrayUnderRandomOperations() {
        let seed: UInt64 = 21
        var random = SplitMix64(seed: seed)
        var queue = RingQueue<Int>()
        var model: [Int] = []
        for step in 0..<20_000 {
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<40:
                queue.append(step)
                model.append(step)
            case 40..<55:
                queue.prepend(step)
                model.insert(step, at: 0)
            case 55..<97: #expect(queue.popFirst() == (model.isEmpty ? nil : model.removeFirst()))
            case 97 where !model.isEmpty:
                let position = Int.random(in: model.indices, using: &random)
                queue[position] = -step
                model[position] = -step
            case 98 where step % 10 == 0:
                queue.removeAll()
                model.removeAll()
            default: #expect(queue.first == model.first)
            }
            #expect(queue.count == model.count, "seed \(seed), step \(step)")
            if step % 100 == 0 {
                #expect(model.indices.map { queue[$0] } == model, "seed \(seed), step \(step)")
            }
        }
    }

    @Test func aRemovedElementIsLetGoAtOnce() {
        final class Token {}
        var queue = RingQueue<Token>()
        weak var first: Token?
        do {
            let token = Token()
            first = token
            queue.append(token)
        }
        queue.append(Token())
        _ = queue.popFirst()
        #expect(first == nil)
        weak let second = queue.first
        queue.removeAll()
        #expect(second == nil)
    }

    @Test func copiesAreIndependent() {
        var queue = RingQueue<Int>()
        queue.append(1)
        var copy = queue
        copy.append(2)
        #expect(queue.count == 1)
        #expect(copy.count == 2)
    }
}
