internal import StarlingCore
package import StarlingStore
package import StarlingWorld

/// A disk in memory that remembers what was written and not synced, and loses it as real ones do.
///
/// What a power cut leaves of a sector that was written since the last sync is any of the contents that it had since
/// then, independent of the others: writes are dropped, torn between sectors and reordered. Names in the folder come
/// and go in the order of their changes, and a power cut undoes the last ones that were not synced. After a failed
/// sync, as on Linux, what it did not write counts as written: a later sync does not bring it to the disk.
package final class SimulatedDisk: VirtualDisk, @unchecked Sendable {  // tidy-ok: one thread
    static let sectorByteCount = 512
    /// Contents of one sector between two syncs that a power cut chooses from.
    private static let versionCountMax = 8
    /// What sectors behind the end of a file hold.
    private static let blankSector = [UInt8](repeating: 0, count: sectorByteCount)

    /// What the disk does not do.
    package struct Faults: Sendable {
        /// The most bytes that all files may have; a write that would exceed them fails.
        package var byteCountMax: Int?
        /// Whether nothing can be changed.
        package var isReadOnly = false
        /// Whether a sync fails, having written some of the sectors.
        package var failsSync = false
        /// Whether a sync says that it is done and does nothing, as some disks do: no store keeps its promises there.
        package var forgetsSync = false
        /// Changes that are still carried out.
        ///
        /// After them the disk answers nothing any more, as if the process had been killed there, until
        /// ``SimulatedDisk/crash(_:)``.
        package var changeCountLeft: Int?

        package init() {}
    }

    /// What a crash takes away.
    package enum Crash: Sendable {
        /// The process: everything written stays.
        case process
        /// The machine: what was not synced is lost, in part.
        case power
    }

    /// One file's bytes.
    fileprivate final class Content {
        var bytes = PagedBytes()
        /// What sectors held since the last sync, the content on the disk first, without the present one.
        var versions: [Int: [[UInt8]]] = [:]
        /// Sizes since the last sync, the one on the disk first, without the present one.
        var sizes: [Int] = []
        /// Sectors that a failed sync did not write, with what the disk has.
        var unwritten: [Int: [UInt8]] = [:]

        var heldByteCount: Int {
            let sectorCount = versions.values.reduce(unwritten.count) { $0 + $1.count }
            return bytes.heldByteCount + sectorCount * SimulatedDisk.sectorByteCount
        }

        /// What a sector holds, with zeros from the end of the file on.
        func held(by sector: Int) -> [UInt8] {
            let start = sector * SimulatedDisk.sectorByteCount
            guard start < bytes.count else { return SimulatedDisk.blankSector }
            return bytes.piece(at: start, byteCount: SimulatedDisk.sectorByteCount)
        }
    }

    package var faults = Faults()
    /// Changes carried out so far: writes, truncations, syncs, names.
    package private(set) var changeCount = 0
    package var millisecondsSince1970: Int64 = 1_767_225_600_000

    private var random: SplitMix64
    private var names: [String: Content] = [:]
    /// The names before each change that was not synced.
    private var olderNames: [[String: Content]] = []
    private var locks: Set<String> = []
    /// Files that were opened in an earlier life are dead.
    private var life = 0
    private var vfs: DiskVFS?

    package init(seed: UInt64) {
        random = SplitMix64(seed: seed)
        vfs = DiskVFS(disk: self)
    }

    // MARK: StoreDisk

    package var vfsName: String? { vfs?.name }

    package func open(_ path: String, creates: Bool) throws(StoreError) -> any StoreFile {
        try expectAlive()
        if let content = names[path] { return SimulatedFile(content, path, self) }
        guard creates else { throw .notFound(path: path) }
        try beginChange()
        let content = Content()
        olderNames.append(names)
        names[path] = content
        return SimulatedFile(content, path, self)
    }

    package func lock(_ path: String) throws(StoreError) -> any StoreFileLock {
        guard locks.insert(path).inserted else { throw .inUse }
        return Lock(path: path, disk: self, life: life)
    }

    package func has(_ path: String) -> Bool { names[path] != nil }

    package func rename(_ path: String, to newPath: String) throws(StoreError) {
        guard let content = names[path] else { throw .notFound(path: path) }
        try beginChange()
        olderNames.append(names)
        names[path] = nil
        names[newPath] = content
    }

    package func remove(_ path: String) throws(StoreError) {
        guard names[path] != nil else { return }
        try beginChange()
        olderNames.append(names)
        names[path] = nil
    }

    package func syncFolder(of path: String) throws(StoreError) {
        try beginChange()
        olderNames = []
    }

    package func fillRandomly(_ bytes: UnsafeMutableRawBufferPointer) {
        for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: random.next()) }
    }

    private final class Lock: StoreFileLock {
        private let path: String
        private let disk: SimulatedDisk
        private let life: Int

        init(path: String, disk: SimulatedDisk, life: Int) {
            self.path = path
            self.disk = disk
            self.life = life
        }

        deinit { if disk.life == life { disk.locks.remove(path) } }
    }

    // MARK: Crash

    /// Ends everything that has files open, and leaves on the disk what that crash leaves there.
    package func crash(_ crash: Crash) {
        if crash == .power {
            let states = olderNames + [names]
            names = states[random.number(below: states.count)]
            // One of three: nothing unsynced arrived, all of it, or some sectors.
            let style = random.number(below: 3)
            for (_, content) in names.sorted(by: { $0.key < $1.key }) { losePower(content, style: style) }
        }
        olderNames = []
        locks = []
        faults.changeCountLeft = nil
        life += 1
    }

    private func losePower(_ content: Content, style: Int) {
        let sizes = content.sizes + [content.bytes.count]
        let size = sizes[style == 0 ? 0 : style == 1 ? sizes.count - 1 : random.number(below: sizes.count)]
        // A sector that stands behind the present end may come back with an older size.
        let room = max(size, content.bytes.count)
        content.bytes.resize(to: room)
        for (sector, held) in content.versions.sorted(by: { $0.key < $1.key }) where style != 1 {
            let index = style == 0 ? 0 : random.number(below: held.count + 1)
            if index < held.count { put(held[index], at: sector, of: content) }
        }
        for (sector, held) in content.unwritten.sorted(by: { $0.key < $1.key }) {
            put(held, at: sector, of: content)
        }
        content.bytes.resize(to: size)
        content.versions = [:]
        content.sizes = []
        content.unwritten = [:]
    }

    /// Puts back what a sector held, as far as the file goes.
    private func put(_ held: [UInt8], at sector: Int, of content: Content) {
        let start = sector * Self.sectorByteCount
        guard start < content.bytes.count else { return }
        held.withUnsafeBytes {
            let end = min($0.count, content.bytes.count - start)
            content.bytes.write(UnsafeRawBufferPointer(rebasing: $0[..<end]), at: start)
        }
    }

    /// Bytes of this process that the files with names take, with what their sectors held since the last sync.
    package var heldByteCount: Int { names.values.reduce(0) { $0 + $1.heldByteCount } }

    // MARK: Damage

    /// The paths of all files, sorted.
    package var paths: [String] { names.keys.sorted() }

    /// The content of a file, or `nil` where there is none.
    package func content(of path: String) -> [UInt8]? { names[path]?.bytes.array }

    /// Replaces a file, synced, as somebody else may have done.
    package func place(_ path: String, content bytes: [UInt8]) {
        let content = Content()
        content.bytes = PagedBytes(bytes)
        names[path] = content
    }

    /// Flips one bit of a file, counted from its front.
    package func flipBit(_ bit: Int, of path: String) {
        guard let content = names[path], bit / 8 < content.bytes.count else { return }
        content.bytes[bit / 8] ^= 1 << UInt8(bit % 8)
    }

    /// Cuts a file off.
    package func truncate(_ path: String, to byteCount: Int) {
        guard let content = names[path], byteCount < content.bytes.count else { return }
        content.bytes.resize(to: byteCount)
    }

    // MARK: Changes

    fileprivate var currentLife: Int { life }

    fileprivate func expectAlive() throws(StoreError) {
        if faults.changeCountLeft == 0 { throw .other(name: "EIO") }
    }

    private func beginChange() throws(StoreError) {
        try expectAlive()
        if faults.isReadOnly { throw .readOnly }
        if let left = faults.changeCountLeft { faults.changeCountLeft = left - 1 }
        changeCount += 1
    }

    fileprivate func write(
        _ bytes: UnsafeRawBufferPointer,
        at offset: Int,
        to content: Content
    ) throws(StoreError) {
        try beginChange()
        let end = offset + bytes.count
        if let byteCountMax = faults.byteCountMax, end > content.bytes.count {
            let used = names.values.reduce(0) { $0 + $1.bytes.count }
            if used + end - content.bytes.count > byteCountMax { throw .noSpace }
        }
        guard !bytes.isEmpty else { return }
        remember(offset..<end, of: content)
        if end > content.bytes.count {
            content.sizes.append(content.bytes.count)
            content.bytes.resize(to: end)
        }
        content.bytes.write(bytes, at: offset)
    }

    fileprivate func truncate(_ content: Content, to byteCount: Int) throws(StoreError) {
        try beginChange()
        guard byteCount != content.bytes.count else { return }
        remember(min(byteCount, content.bytes.count)..<max(byteCount, content.bytes.count), of: content)
        content.sizes.append(content.bytes.count)
        content.bytes.resize(to: byteCount)
    }

    fileprivate func sync(_ content: Content, _ path: String) throws(StoreError) {
        try beginChange()
        if faults.failsSync {
            for (sector, held) in content.versions.sorted(by: { $0.key < $1.key }) where random.chance(0.5) {
                content.unwritten[sector] = held[0]
            }
            content.versions = [:]
            throw .other(name: "EIO")
        }
        if faults.forgetsSync { return }
        content.versions = [:]
        content.sizes = []
        // Whoever syncs a new file syncs its name, and with it every change of a name before.
        if olderNames.contains(where: { $0[path] !== content }) { olderNames = [] }
    }

    /// Notes what sectors hold before they change.
    private func remember(_ range: Range<Int>, of content: Content) {
        let first = range.lowerBound / Self.sectorByteCount
        let last = (range.upperBound - 1) / Self.sectorByteCount
        for sector in first...last {
            let held = content.held(by: sector)
            let older = content.unwritten.isEmpty ? nil : content.unwritten.removeValue(forKey: sector)
            Self.add(older ?? held, to: &content.versions[sector, default: []])
        }
    }

    /// Adds what a sector held last; of many contents only the newest makes room.
    private static func add(_ held: [UInt8], to versions: inout [[UInt8]]) {
        if versions.count == versionCountMax { versions.removeLast() }
        versions.append(held)
    }
}

/// An open file of a simulated disk.
private final class SimulatedFile: StoreFile {
    private let content: SimulatedDisk.Content
    private let path: String
    private let disk: SimulatedDisk
    private let life: Int

    init(_ content: SimulatedDisk.Content, _ path: String, _ disk: SimulatedDisk) {
        self.content = content
        self.path = path
        self.disk = disk
        life = disk.currentLife
    }

    func byteCount() throws(StoreError) -> Int {
        try expectAlive()
        return content.bytes.count
    }

    func read(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws(StoreError) -> Int {
        try expectAlive()
        return content.bytes.read(into: bytes, at: offset)
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(StoreError) {
        try expectAlive()
        try disk.write(bytes, at: offset, to: content)
    }

    func truncate(to byteCount: Int) throws(StoreError) {
        try expectAlive()
        try disk.truncate(content, to: byteCount)
    }

    func sync() throws(StoreError) {
        try expectAlive()
        try disk.sync(content, path)
    }

    private func expectAlive() throws(StoreError) {
        guard disk.currentLife == life else { throw .other(name: "EIO") }
        try disk.expectAlive()
    }
}
