import StarlingTransports
import Synchronization
import Testing

@Suite struct MemoryChargeTests {
    private final class Book: MemoryHold {
        private let byteCountMax: Int
        private let entries = Mutex<[Int]>([])

        init(byteCountMax: Int = .max) { self.byteCountMax = byteCountMax }

        var charged: [Int] { entries.withLock { $0 } }

        func set(_ byteCount: Int) -> Bool {
            guard byteCount <= byteCountMax else { return false }
            entries.withLock { $0.append(byteCount) }
            return true
        }
    }

    private static func expect(
        _ isCovered: Bool,
        _ needed: Int,
        _ charge: inout MemoryCharge,
        at location: SourceLocation = #_sourceLocation
    ) {
        let found = charge.cover(needed)
        #expect(found == isCovered, sourceLocation: location)
    }

    private static func charge(_ book: Book?) -> MemoryCharge {
        var limits = MemoryCharge.Limits()
        limits.freeByteCount = 10
        limits.stepByteCount = 100
        return MemoryCharge(book, limits: limits)
    }

    @Test func itIsChargedInStepsBeyondWhatIsFree() {
        let book = Book()
        var charge = Self.charge(book)
        Self.expect(true, 10, &charge)
        #expect(book.charged.isEmpty)
        Self.expect(true, 11, &charge)
        Self.expect(true, 110, &charge)
        Self.expect(true, 111, &charge)
        #expect(book.charged == [100, 200])
    }

    @Test func itIsGivenBackWhenMuchLessIsNeeded() {
        let book = Book()
        var charge = Self.charge(book)
        Self.expect(true, 410, &charge)
        charge.settle(211)
        #expect(book.charged == [400], "the next step might need it")
        charge.settle(210)
        charge.settle(111)
        #expect(book.charged == [400, 200])
        charge.settle(10)
        charge.settle(0)
        #expect(book.charged == [400, 200, 0])
        #expect(charge.byteCount == 0)
    }

    @Test func whatIsRefusedIsNotCharged() {
        let book = Book(byteCountMax: 199)
        var charge = Self.charge(book)
        Self.expect(true, 110, &charge)
        Self.expect(false, 111, &charge)
        #expect(charge.byteCount == 100)
        Self.expect(true, 110, &charge)
    }

    @Test func whereNobodyCountsEverythingIsFree() {
        var charge = Self.charge(nil)
        Self.expect(true, .max, &charge)
        charge.settle(0)
        #expect(charge.byteCount == 0)
    }
}
