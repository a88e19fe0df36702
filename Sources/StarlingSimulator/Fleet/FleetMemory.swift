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

    /// The least, the mean and the most over the second half of the run.
    package struct Spread: Sendable, Equatable {
        package var least: Int
        package var mean: Int
        package var most: Int

        fileprivate init?(_ byteCounts: [Int]) {
            let half = byteCounts.suffix(byteCounts.count / 2)
            guard let least = half.min(), let most = half.max() else { return nil }
            self.least = least
            mean = half.reduce(0, +) / half.count
            self.most = most
        }

        /// How far it strays from the mean, as a share of that.
        package var ratio: Double { mean > 0 ? Double(max(most - mean, mean - least)) / Double(mean) : 0 }
    }

    /// How far the nodes' memory may stray from its mean over the second half of the run.
    package static let spreadRatioMax = 0.05
    /// A shorter run is not judged: the nodes' tables, of six hours' history, have to be full by its half.
    package static let judgedDurationMin = Duration.seconds(12 * 3600)

    /// At equal distances over the whole run.
    package private(set) var samples: [Sample] = []
    private let duration: Duration

    /// - Parameters:
    ///   - duration: the run's.
    ///   - sampleCount: how many are expected; room for them is there from the start.
    package init(duration: Duration, sampleCount: Int) {
        self.duration = duration
        samples.reserveCapacity(sampleCount)
    }

    package mutating func append(_ sample: Sample) { samples.append(sample) }

    /// The nodes' and the simulator's; `nil` without samples.
    package var nodes: Spread? { Spread(samples.map(\.nodeByteCount)) }

    /// The simulated disks'; `nil` without samples.
    package var disks: Spread? { Spread(samples.map(\.diskByteCount)) }

    /// What is wrong with it, in words; empty when it is flat, or too short to judge.
    package var violations: [String] {
        guard duration >= Self.judgedDurationMin, let nodes, nodes.ratio > Self.spreadRatioMax else {
            return []
        }
        return [
            "the nodes' memory is not flat over the second half: \(nodes.least) to \(nodes.most) bytes, "
                + "\(nodes.mean) on average"
        ]
    }
}
