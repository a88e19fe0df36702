internal import StarlingCommandLine
internal import StarlingIO
internal import StarlingWorld

extension TemporaryFolder {
    /// Runs what uses files there, and words for people why one cannot be used.
    static func using<Value>(_ body: () throws -> Value) throws -> Value {
        do { return try body() } catch let error as FileError { throw Diagnostic(temporary: error) }
    }
}

extension Diagnostic {
    /// Why a file of a bench or of the lab cannot be used; they are all where `TMPDIR` says.
    init(temporary error: FileError) {
        let known = StoredIdentity.diagnostic(error)
        self.init(
            code: known.code,
            message: known.message,
            nextStep: "Set TMPDIR to a folder of yours on a disk with room."
        )
    }
}
