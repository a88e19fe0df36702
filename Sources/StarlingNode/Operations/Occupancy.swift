/// How much there is of something that has a limit, and the most there may be.
package struct Occupancy: Sendable, Equatable {
    package var count: Int
    package var countMax: Int
    package var byteCount: Int
    package var byteCountMax: Int

    package init(count: Int, countMax: Int, byteCount: Int, byteCountMax: Int) {
        self.count = count
        self.countMax = countMax
        self.byteCount = byteCount
        self.byteCountMax = byteCountMax
    }
}
