internal import StarlingCommandLine

/// The folder in which a node keeps its key, its store and its socket.
struct Home: Sendable {
    let path: String
    /// What to add to a command so that it means this folder too: nothing for the usual one.
    let flagText: String

    init(path: String) {
        self.path = path
        flagText = " \(StarlingFlags.home.spec.dashed) \(ShellText.quoted(path))"
    }

    /// The folder that was asked for, or the user's state folder by the XDG Base Directory specification.
    init(_ invocation: Invocation) throws(Diagnostic) {
        if let path = invocation[StarlingFlags.home] {
            self.path = path
            flagText = " \(StarlingFlags.home.spec.dashed) \(ShellText.quoted(path))"
            return
        }
        flagText = ""
        if let state = Environment["XDG_STATE_HOME"], state.hasPrefix("/") {
            // The specification says that a relative path is to be ignored.
            path = state + "/starling"
        } else if let home = Environment["HOME"], !home.isEmpty {
            path = home + "/.local/state/starling"
        } else {
            throw Diagnostic(
                code: "no_home",
                message: "neither HOME nor XDG_STATE_HOME is set, so there is no folder for the node.",
                nextStep: "Name one with --home FOLDER."
            )
        }
    }

    var socketPath: String { path + "/node.sock" }
    var keyPath: String { path + "/identity.key" }
    var storePath: String { path + "/starling.db" }
    var blobsPath: String { path + "/blobs" }
    var lockPath: String { path + "/node.lock" }

    /// The path for people, with `~` for the user's folder.
    var shown: String {
        guard let home = Environment["HOME"], !home.isEmpty, path.hasPrefix(home + "/") else { return path }
        return "~" + path.dropFirst(home.count)
    }
}
