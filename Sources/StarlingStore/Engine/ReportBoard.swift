package import StarlingWorld
internal import Synchronization

/// The report of a store, written by its engine and read from anywhere.
package final class ReportBoard: Sendable {
    private let value = Mutex(StoreReport())

    package init() {}

    package var report: StoreReport { value.withLock { $0 } }

    func note(_ found: StoreReport.Quarantined) { value.withLock { $0.note(found) } }

    func noteAside(_ path: String) { value.withLock { $0.asidePaths.append(path) } }
}
