internal import CSQLite
internal import StarlingWorld

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// A disk of our own making, which SQLite sees through a ``DiskVFS``.
///
/// Randomness and time come from it too, so that SQLite asks the operating system for nothing.
package protocol VirtualDisk: StoreDisk, AnyObject {
    var millisecondsSince1970: Int64 { get }

    /// Fills the buffer with random bytes.
    func fillRandomly(_ bytes: UnsafeMutableRawBufferPointer)
}

/// Shows a ``VirtualDisk`` to SQLite, under a name, as long as it lives.
///
/// The disk owns it. Locks are none of its business: the store takes one of the disk's before it opens anything.
/// SQLite's own random numbers, such as the salts of a log, are seeded once for a process, so they differ from run to
/// run; nothing that a store does depends on them.
package final class DiskVFS {
    package let name: String
    private let vfs: UnsafeMutablePointer<sqlite3_vfs>
    private let nameText: UnsafeMutablePointer<CChar>
    private let core: Core

    /// What SQLite's callbacks find.
    fileprivate final class Core {
        unowned let disk: any VirtualDisk
        let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        var lastSystemError: Int32 = 0

        init(disk: any VirtualDisk) {
            self.disk = disk
            methods.initialize(to: OpenFile.methods)
        }

        deinit { methods.deallocate() }

        /// Runs what may fail, and keeps the system's error for who asks for it.
        func status(_ status: Int32, _ body: () throws(StoreError) -> Void) -> Int32 {
            do throws(StoreError) {
                try body()
                return SQLITE_OK
            } catch .noSpace {
                lastSystemError = ENOSPC
                return SQLITE_FULL
            } catch .readOnly {
                lastSystemError = EROFS
                return status
            } catch {
                lastSystemError = EIO
                return status
            }
        }

        static func of(_ vfs: UnsafeMutablePointer<sqlite3_vfs>?) -> Core? {
            vfs?.pointee.pAppData.map { Unmanaged<Core>.fromOpaque($0).takeUnretainedValue() }
        }
    }

    package init(disk: any VirtualDisk) {
        core = Core(disk: disk)
        vfs = .allocate(capacity: 1)
        name = "starling-\(UInt(bitPattern: vfs))"
        nameText = strdup(name)
        vfs.initialize(to: Self.methods)
        vfs.pointee.zName = UnsafePointer(nameText)
        vfs.pointee.pAppData = Unmanaged.passUnretained(core).toOpaque()
        sqlite3_vfs_register(vfs, 0)
    }

    deinit {
        sqlite3_vfs_unregister(vfs)
        vfs.deallocate()
        free(nameText)
    }

    private static var methods: sqlite3_vfs {
        var vfs = sqlite3_vfs()
        vfs.iVersion = 2
        vfs.szOsFile = Int32(MemoryLayout<OpenFile>.size)
        vfs.mxPathname = 1024
        vfs.xOpen = { vfs, path, file, flags, outFlags in
            guard let core = Core.of(vfs), let path, let file else { return SQLITE_CANTOPEN }
            // Without methods SQLite does not close what failed to open.
            file.pointee.pMethods = nil
            var opened: (any StoreFile)?
            let status = core.status(SQLITE_CANTOPEN) { () throws(StoreError) in
                opened = try core.disk.open(String(cString: path), creates: flags & SQLITE_OPEN_CREATE != 0)
            }
            guard let opened else { return status }
            UnsafeMutableRawPointer(file).assumingMemoryBound(to: OpenFile.self).pointee.box =
                Unmanaged.passRetained(OpenFile.Box(opened, core)).toOpaque()
            file.pointee.pMethods = UnsafePointer(core.methods)
            outFlags?.pointee = flags
            return SQLITE_OK
        }
        vfs.xDelete = { vfs, path, syncsFolder in
            guard let core = Core.of(vfs), let path else { return IOStatus.delete.status }
            let text = String(cString: path)
            guard core.disk.has(text) else { return IOStatus.deleteNoEntry.status }
            return core.status(IOStatus.delete.status) { () throws(StoreError) in
                try core.disk.remove(text)
                if syncsFolder != 0 { try core.disk.syncFolder(of: text) }
            }
        }
        vfs.xAccess = { vfs, path, _, result in
            guard let core = Core.of(vfs), let path else { return IOStatus.access.status }
            result?.pointee = core.disk.has(String(cString: path)) ? 1 : 0
            return SQLITE_OK
        }
        vfs.xFullPathname = { _, path, count, out in
            guard let path, let out, strlen(path) < count else { return SQLITE_CANTOPEN }
            strcpy(out, path)
            return SQLITE_OK
        }
        vfs.xRandomness = { vfs, count, out in
            guard let core = Core.of(vfs), let out else { return 0 }
            core.disk.fillRandomly(UnsafeMutableRawBufferPointer(start: out, count: Int(count)))
            return count
        }
        // Nobody else is waited for.
        vfs.xSleep = { _, microseconds in microseconds }
        vfs.xCurrentTimeInt64 = { vfs, out in
            guard let core = Core.of(vfs) else { return SQLITE_ERROR }
            // Julian days, counted in milliseconds: 1970 began at noon and a half of day 2,440,587.
            out?.pointee = core.disk.millisecondsSince1970 + 210_866_760_000_000
            return SQLITE_OK
        }
        vfs.xGetLastError = { vfs, _, _ in Core.of(vfs)?.lastSystemError ?? 0 }
        return vfs
    }
}

/// A file as SQLite holds it: its own part in front, as SQLite wants it.
private struct OpenFile {
    final class Box {
        let file: any StoreFile
        let core: DiskVFS.Core

        init(_ file: any StoreFile, _ core: DiskVFS.Core) {
            self.file = file
            self.core = core
        }
    }

    var head: sqlite3_file
    var box: UnsafeMutableRawPointer?

    static func box(_ file: UnsafeMutablePointer<sqlite3_file>?) -> Box? {
        guard let file else { return nil }
        return UnsafeMutableRawPointer(file).assumingMemoryBound(to: OpenFile.self).pointee.box.map {
            Unmanaged<Box>.fromOpaque($0).takeUnretainedValue()
        }
    }

    static var methods: sqlite3_io_methods {
        var methods = sqlite3_io_methods()
        // Version 1: no shared memory, which a store that is alone with its files needs none of.
        methods.iVersion = 1
        methods.xClose = { file in
            guard let file else { return SQLITE_OK }
            let open = UnsafeMutableRawPointer(file).assumingMemoryBound(to: OpenFile.self)
            if let box = open.pointee.box { Unmanaged<Box>.fromOpaque(box).release() }
            open.pointee.box = nil
            return SQLITE_OK
        }
        methods.xRead = { file, out, count, offset in
            guard let box = OpenFile.box(file), let out else { return IOStatus.read.status }
            let buffer = UnsafeMutableRawBufferPointer(start: out, count: Int(count))
            var readCount = 0
            let status = box.core.status(IOStatus.read.status) { () throws(StoreError) in
                readCount = try box.file.read(buffer, at: Int(offset))
            }
            guard status == SQLITE_OK, readCount < buffer.count else { return status }
            memset(out + readCount, 0, buffer.count - readCount)
            return IOStatus.shortRead.status
        }
        methods.xWrite = { file, bytes, count, offset in
            guard let box = OpenFile.box(file), let bytes else { return IOStatus.write.status }
            return box.core.status(IOStatus.write.status) { () throws(StoreError) in
                try box.file.write(UnsafeRawBufferPointer(start: bytes, count: Int(count)), at: Int(offset))
            }
        }
        methods.xTruncate = { file, byteCount in
            guard let box = OpenFile.box(file) else { return SQLITE_IOERR }
            return box.core.status(IOStatus.truncate.status) { () throws(StoreError) in
                try box.file.truncate(to: Int(byteCount))
            }
        }
        methods.xSync = { file, _ in
            guard let box = OpenFile.box(file) else { return SQLITE_IOERR }
            return box.core.status(IOStatus.fsync.status) { () throws(StoreError) in try box.file.sync() }
        }
        methods.xFileSize = { file, out in
            guard let box = OpenFile.box(file) else { return SQLITE_IOERR }
            return box.core.status(IOStatus.fstat.status) { () throws(StoreError) in
                out?.pointee = Int64(try box.file.byteCount())
            }
        }
        methods.xLock = { _, _ in SQLITE_OK }
        methods.xUnlock = { _, _ in SQLITE_OK }
        methods.xCheckReservedLock = { _, out in
            out?.pointee = 0
            return SQLITE_OK
        }
        methods.xFileControl = { file, operation, argument in
            guard let box = OpenFile.box(file), operation == SQLITE_FCNTL_LAST_ERRNO, let argument else {
                return SQLITE_NOTFOUND
            }
            argument.storeBytes(of: box.core.lastSystemError, as: Int32.self)
            return SQLITE_OK
        }
        methods.xSectorSize = { _ in 512 }
        // A write that is cut short leaves alone what stands beside it.
        methods.xDeviceCharacteristics = { _ in SQLITE_IOCAP_POWERSAFE_OVERWRITE }
        return methods
    }
}
