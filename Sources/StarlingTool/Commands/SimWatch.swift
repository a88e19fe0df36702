/// Who looks at a run meanwhile.
struct SimWatch: Sendable {
    /// Hears how much of the virtual time has passed.
    var progress: @Sendable (Duration) -> Void
    /// Whether a picture of the end is wanted.
    var wantsPicture: Bool
}
