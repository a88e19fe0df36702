internal import StarlingCore
internal import StarlingStore
internal import StarlingWorld

/// One process's use of the store of real nodes, on a simulated disk.
final class SQLiteStoreBackend: SimulatedStoreBackend {
    static let path = "/starling.db"

    private let disk: SimulatedDisk
    private let board = ReportBoard()
    private var engine: StoreEngine?
    /// Changes that the disk saw during the last group, for a guess where to cut the next one.
    private var groupChangeCount = 4

    init(
        disk: SimulatedDisk,
        wallClock: any WallClock,
        limits: StoreEngine.Limits
    ) throws(StoreError) {
        self.disk = disk
        disk.millisecondsSince1970 = wallClock.now.millisecondsSince1970
        engine = try StoreEngine(
            place: .init(disk: disk, path: Self.path),
            wallClock: wallClock,
            board: board,
            limits: limits
        )
    }

    var report: StoreReport { board.report }

    func groupCount(in calls: ArraySlice<StoreCall>) -> Int { engine?.groupCount(in: calls) ?? calls.count }

    func run(_ calls: ArraySlice<StoreCall>) -> [@Sendable () -> Void] {
        let before = disk.changeCount
        defer { groupChangeCount = disk.changeCount - before }
        return engine?.run(calls) ?? calls.map { $0.fail(.closed) }
    }

    func mend() { engine?.mend() }

    func crash(_ crash: SimulatedHost.Crash, during group: [StoreCall], using random: inout SplitMix64) {
        if !group.isEmpty {
            // The group was under way: the disk saw some of its changes, or all of them.
            disk.faults.changeCountLeft = random.number(below: 2 * groupChangeCount + 2)
            _ = engine?.run(group[...])
        }
        disk.crash(crash == .power ? .power : .process)
        engine = nil
    }
}
