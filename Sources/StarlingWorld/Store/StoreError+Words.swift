extension StoreError {
    /// What happened and what to do about it, for people.
    package var words: (what: String, nextStep: String) {
        switch self {
        case .noSpace:
            ("The disk is full.", "Make room on it; what was accepted before is safe.")
        case .readOnly:
            (
                "The store's files cannot be written.",
                "Mount the disk writable, or mend the files' owner and mode."
            )
        case .inUse:
            ("Another process has the store open.", "End that process, or use another home.")
        case .tooNew(let version, let known):
            (
                "The store was written by a newer release: its version is \(version), this release knows \(known).",
                "Run the newer release, or use another home."
            )
        case .damaged(let reason):
            (
                "The store cannot be read: \(reason).",
                "Check the disk; restore the home from a copy, or use another."
            )
        case .notFound(let path):
            (
                "The store's file \(path) cannot be opened.",
                "Check that its folder exists, and its owner and mode."
            )
        case .tooLarge:
            ("A value is longer than the store takes.", "Send it as a file.")
        case .closed:
            ("The store is closed.", "Start the node again.")
        case .other(let name):
            ("The store failed: \(name).", "Check the disk, and the system's log about it.")
        }
    }
}
