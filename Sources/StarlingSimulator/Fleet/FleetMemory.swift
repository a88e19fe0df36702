/// What the process of a fleet had allocated over a run, and how much of that were the simulated disks.
///
/// What a disk holds stands in this process's memory only because the disk is simulated. It is told apart, so that the
/// rest is what the nodes use, with the simulator itself.
package struct FleetMemory: Sendable, Equatable {
    /// One moment of the run.
    package struct Sample: Sendable, Equatable {
        package var allocatedByteCount: Int
        package var diskByteCount: Int

        package init(allocatedByteCount: Int, diskByteCount: Int) {
            self.allocatedByteCount = allocatedByteCount
            self.diskByteCount = diskByteCount
        }

        package var nodeByteCount: Int { max(0, allocatedByteCount - diskByteCount) }
    }

    /// The least, the mean and the most over the second half of the run while faults lasted, and where it was going.
    package struct Spread: Sendable, Equatable {
        package var least: Int
        package var mean: Int
        package var most: Int
        /// How much more the line through all samples, of least squares, has at their end than at their start, as a share
        /// of the mean.
        package var drift: Double

        fileprivate init?(_ byteCounts: some Collection<Int>) {
            guard let least = byteCounts.min(), let most = byteCounts.max() else { return nil }
            self.least = least
            mean = byteCounts.reduce(0, +) / byteCounts.count
            self.most = most
            let middle = Double(byteCounts.count - 1) / 2
            var (product, square) = (0.0, 0.0)
            for (index, byteCount) in byteCounts.enumerated() {
                product += (Double(index) - middle) * Double(byteCount - mean)
                square += (Double(index) - middle) * (Double(index) - middle)
            }
            drift = square > 0 && mean > 0 ? product / square * 2 * middle / Double(mean) : 0
        }

        /// How far it strays from the mean, as a share of that: it does so with the nodes that are up and connected.
        package var ratio: Double { mean > 0 ? Double(max(most - mean, mean - least)) / Double(mean) : 0 }
    }

    /// How far the nodes' memory may drift upwards over the second half of the run: it strays by more with the nodes that
    /// are up and with what they hold, and what falls is no leak.
    package static let driftMax = 0.05
    /// A shorter run is not judged: the nodes' tables, of six hours' history, have to be full by its half.
    package static let judgedDurationMin = Duration.seconds(12 * 3600)

    /// At equal distances over the whole run.
    package private(set) var samples: [Sample] = []
    private let duration: Duration
    private let quietTime: Duration

    /// - Parameters:
    ///   - duration: the run's.
    ///   - quietTime: how much of its end is without faults: all nodes are up then, and hold more.
    ///   - sampleCount: how many are expected; room for them is there from the start.
    package init(duration: Duration, quietTime: Duration, sampleCount: Int) {
        self.duration = duration
        self.quietTime = quietTime
        samples.reserveCapacity(sampleCount)
    }

    package mutating func append(_ sample: Sample) { samples.append(sample) }

    /// The nodes' and the simulator's; `nil` without samples.
    package var nodes: Spread? { Spread(judged.map(\.nodeByteCount)) }

    /// The simulated disks'; `nil` without samples.
    package var disks: Spread? { Spread(judged.map(\.diskByteCount)) }

    /// The samples of the second half while there were faults.
    private var judged: ArraySlice<Sample> {
        let quietCount = Int((Double(samples.count) * (quietTime / duration)).rounded(.up))
        return samples.dropLast(quietCount).dropFirst(samples.count - samples.count / 2)
    }

    /// What is wrong with it, in words; empty when it does not grow, or is too short to judge.
    package var violations: [String] {
        guard duration >= Self.judgedDurationMin, let nodes, nodes.drift > Self.driftMax else {
            return []
        }
        return [
            "the nodes' memory grows over the second half: \(nodes.least) to \(nodes.most) bytes, "
                + "\(nodes.mean) on average, with a drift of \(Int((nodes.drift * 100).rounded())) %"
        ]
    }
}
