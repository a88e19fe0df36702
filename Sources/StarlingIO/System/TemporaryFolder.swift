internal import CSys
internal import CUV
package import StarlingWorld

/// A folder that its owner alone may enter, and that ends with its use.
package final class TemporaryFolder: Sendable {
    package let path: String

    /// Makes one where the system keeps temporary files.
    package init() throws(FileError) {
        var folder = [CChar](repeating: 0, count: 4096)
        var byteCount = folder.count
        let status = uv_os_tmpdir(&folder, &byteCount)
        let bytes = folder.prefix(status == 0 ? byteCount : 0).map { UInt8(bitPattern: $0) }
        let parent = bytes.isEmpty ? "/tmp" : String(decoding: bytes, as: UTF8.self)
        let suffix = SystemRandom().bytes(count: 8).map { String($0, radix: 16) }.joined()
        path = "\(parent)/starling-\(suffix)"
        try SystemFiles().createFolder(path)
    }

    /// Removes the folder and the files in it, as far as the system lets it.
    package func remove() {
        let disk = SystemBlobDisk()
        for name in ((try? disk.files(in: path)) ?? [:]).keys { try? disk.remove("\(path)/\(name)") }
        csys_remove_folder(path)
    }
}
