internal import StarlingCommandLine

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// The folder in which the process runs.
enum WorkingFolder {
    /// A path from the root: the node that is asked may run in another folder.
    static func absolute(_ path: String) throws(Diagnostic) -> String {
        if path.hasPrefix("/") { return path }
        guard let folder = getcwd(nil, 0) else {
            throw Diagnostic(
                code: "system",
                message: "the folder in which this runs cannot be told: \(String(cString: strerror(errno))).",
                nextStep: "Name the file by its whole path."
            )
        }
        defer { free(folder) }
        let relative = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
        return String(cString: folder) + "/" + relative
    }
}
