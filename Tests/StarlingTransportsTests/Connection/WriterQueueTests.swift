import StarlingProtocols
import StarlingTransports
import Testing

@Suite struct WriterQueueTests {
    private static let quantum = WriterQueue.quantumByteCount

    private func id(_ number: UInt32) -> YamuxStreamID { YamuxStreamID(rawValue: number) }

    /// Lets writers that never finish write so many bytes in all; returns what each wrote.
    private func share(_ writers: [UInt32: StreamPriority], _ byteCount: Int) -> [UInt32: Int] {
        var queue = WriterQueue()
        for (number, priority) in writers.sorted(by: { $0.key < $1.key }) {
            queue.append(id(number), priority)
        }
        var (written, rest): ([UInt32: Int], Int) = ([:], byteCount)
        while rest > 0, let turn = queue.next() {
            let byteCount = min(rest, turn.byteCountMax)
            written[turn.id.rawValue, default: 0] += byteCount
            rest -= byteCount
            queue.charge(byteCount, turn.priority)
            queue.append(turn.id, turn.priority)
        }
        return written
    }

    @Test func aWriterAloneHasNoQuantum() {
        for priority in StreamPriority.allCases {
            var queue = WriterQueue()
            queue.append(id(1), priority)
            #expect(queue.next()?.byteCountMax == .max)
            #expect(queue.next() == nil)
            #expect(queue.isEmpty == true)
        }
    }

    @Test func theUrgentGoFirstHoweverManyWait() {
        var queue = WriterQueue()
        for number in UInt32(1)...100 { queue.append(id(number), .high) }
        queue.append(id(200), .urgent)
        #expect(queue.wouldBeNext(.high) == false)
        #expect(queue.wouldBeNext(.urgent) == false)
        #expect(queue.next()?.id == id(200))
        #expect(queue.wouldBeNext(.urgent) == true)
        #expect(queue.next()?.id == id(1))
    }

    @Test func theOthersShareByTheWeightOfTheirClass() {
        let written = share([1: .high, 2: .normal, 3: .low], 7 * Self.quantum * 100)
        #expect(written == [1: 400 * Self.quantum, 2: 200 * Self.quantum, 3: 100 * Self.quantum])
    }

    @Test func manyOfALowClassDoNotOutweighOneOfAHigherOne() {
        var writers: [UInt32: StreamPriority] = [1: .normal]
        for number in UInt32(2)...51 { writers[number] = .low }
        let written = share(writers, 3 * Self.quantum * 100)
        #expect(written[1] == 200 * Self.quantum)
        for number in UInt32(2)...51 { #expect(written[number] == 2 * Self.quantum) }
    }

    @Test func whatAClassDoesNotUseIsTheOthers() {
        let written = share([1: .normal, 2: .normal], 100 * Self.quantum)
        #expect(written == [1: 50 * Self.quantum, 2: 50 * Self.quantum])
        var queue = WriterQueue()
        queue.append(id(1), .low)
        queue.append(id(2), .low)
        #expect(queue.next()?.byteCountMax == Self.quantum, "an empty class is passed over")
    }

    @Test func theUrgentTakeTurnsAmongThemselves() {
        let written = share([1: .urgent, 2: .urgent, 3: .high], 80 * Self.quantum)
        #expect(written == [1: 40 * Self.quantum, 2: 40 * Self.quantum])
    }

    @Test func whoIsGoneCanBeDropped() {
        var queue = WriterQueue()
        for number in UInt32(1)...10 { queue.append(id(number), number % 2 == 0 ? .high : .low) }
        queue.keep { id, priority in id.rawValue > 6 && priority == .high }
        #expect(queue.count == 2)
        #expect(queue.next()?.id == id(8))
        #expect(queue.next()?.id == id(10))
        #expect(queue.isEmpty == true)
    }
}
