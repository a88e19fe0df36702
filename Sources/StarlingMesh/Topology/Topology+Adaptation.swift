internal import StarlingCore

extension Topology {
    /// What the adaptive policy has found about the links.
    package struct Adaptation: Equatable, Sendable {
        /// Links beyond the usual, because frames are lost.
        package internal(set) var extraLinkCount = 0
        /// Whether there are super-peers, because answers take long.
        package internal(set) var hasHierarchy = false
        /// The mean loss and the median latency of the last time.
        package internal(set) var lossRatio = 0.0
        package internal(set) var latency: Duration = .zero
    }

    /// Judges the links.
    ///
    /// What is between the two bounds of a figure changes nothing, so that nothing swings.
    mutating func adapt() {
        let qualities = rows.filter(\.isNeighbour).compactMap { $0.quality }
        guard !qualities.isEmpty else { return }
        adaptation.lossRatio = qualities.reduce(0) { $0 + $1.lossRatio } / Double(qualities.count)
        let latencies = qualities.compactMap { $0.roundTrip }.sorted()
        adaptation.latency = latencies.isEmpty ? .zero : latencies[latencies.count / 2]
        if adaptation.lossRatio > limits.lossRatioHigh {
            let most = limits.degreeMax - limits.degreeTarget
            adaptation.extraLinkCount = min(most, adaptation.extraLinkCount + 1)
        } else if adaptation.lossRatio < limits.lossRatioLow {
            adaptation.extraLinkCount = max(0, adaptation.extraLinkCount - 1)
        }
        let hadHierarchy = adaptation.hasHierarchy
        if adaptation.latency > limits.latencyHigh {
            adaptation.hasHierarchy = true
        } else if adaptation.latency < limits.latencyLow {
            adaptation.hasHierarchy = false
        }
        if adaptation.hasHierarchy != hadHierarchy { isPlanStale = true }
    }
}
