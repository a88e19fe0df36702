internal import StarlingWorld

/// What the store found damaged at its start and since, as those see it who ask from outside.
package struct StoreHealth: Sendable, Equatable {
    /// Rows, or parts of the file, that are no longer what was written.
    package struct Loss: Sendable, Equatable {
        /// The table, or `nil` when it is not known.
        package var table: String?
        /// How many rows, or `nil` when they cannot be counted.
        package var rowCount: Int?
        package var reason: String

        package init(table: String?, rowCount: Int?, reason: String) {
            self.table = table
            self.rowCount = rowCount
            self.reason = reason
        }
    }

    package var losses: [Loss]
    /// Where damaged files were put aside.
    package var asidePaths: [String]

    package init(losses: [Loss] = [], asidePaths: [String] = []) {
        self.losses = losses
        self.asidePaths = asidePaths
    }

    package var isSound: Bool { losses.isEmpty && asidePaths.isEmpty }

    init(_ report: StoreReport) {
        losses = report.quarantined.map { Loss(table: $0.table, rowCount: $0.rowCount, reason: $0.reason) }
        asidePaths = report.asidePaths
    }

    /// Writes a warning for each loss and each file put aside.
    func tell(_ log: Log) {
        for loss in losses {
            log(
                .warning,
                "the store is damaged",
                [
                    "table": .text(loss.table ?? "unknown"), "rows": .number(Int64(loss.rowCount ?? -1)),
                    "reason": .text(loss.reason),
                ]
            )
        }
        for path in asidePaths { log(.warning, "a damaged store was put aside", ["path": .text(path)]) }
    }
}
