/// What a share of all measured values does not exceed.
enum Percentile {
    /// The smallest value that `percent` of a hundred do not exceed, by nearest rank: always one that was measured.
    ///
    /// - Parameter sorted: The values, the smallest first; without any there is no number.
    /// - Precondition: `percent` is 0 to 100; 0 gives the smallest.
    static func nearestRank(_ percent: Int, of sorted: [Double]) -> Double {
        precondition((0...100).contains(percent))
        let rank = (sorted.count * percent + 99) / 100
        return sorted.isEmpty ? .nan : sorted[max(rank, 1) - 1]
    }
}
