/// Up to four next hops by their numbers, the best first, and how many links the way over each crosses: as many as are kept of the
/// ways to one destination.
///
/// There may be a thousand destinations and more: all stands in place, in thirteen bytes.
struct RouteHops: Equatable, Sendable {
    static let countMax = 4

    private var numbers = SIMD4<Int16>(repeating: -1)
    private var linkCounts = SIMD4<UInt8>(repeating: 0)
    private(set) var count: Int8 = 0

    var indices: Range<Int> { 0..<Int(count) }

    @inline(__always) subscript(index: Int) -> Int { Int(numbers[index]) }

    /// Whether they are the same hops in the same order, however many links the ways cross.
    func hasSameOrder(as other: RouteHops) -> Bool { numbers == other.numbers && count == other.count }

    func contains(_ number: Int) -> Bool { indices.contains { self[$0] == number } }

    /// Links that the way over a hop crosses.
    @inline(__always) func linkCount(_ index: Int) -> Int { Int(linkCounts[index]) }

    /// The best.
    var first: Int? { count > 0 ? self[0] : nil }

    /// - Precondition: there are fewer than ``countMax``, and the number is one of 16 bits.
    mutating func append(_ number: Int, linkCount: Int) {
        numbers[Int(count)] = Int16(number)
        linkCounts[Int(count)] = UInt8(clamping: linkCount)
        count += 1
    }
}
