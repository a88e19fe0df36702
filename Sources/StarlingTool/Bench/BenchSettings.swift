internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingTransports

/// What to measure.
enum BenchSubject: String, CaseIterable {
    case ping, bulk, dial, memory, streams, seal, store, urgent
}

/// What `starling bench` was asked for, read from its flags.
struct BenchSettings: Sendable {
    let subject: BenchSubject
    let security: SecurityProtocol
    /// The peer to measure against; `nil` for a second process of our own.
    let target: Multiaddr?
    /// Connections of the memory bench.
    let connectionCount: Int
    /// When the whole bench is given up.
    let timeout: Duration
    let isJSON: Bool

    private static let connectionCountIfNone = 500
    private static let timeoutIfNone: Duration = .seconds(180)

    init(_ invocation: Invocation) throws(Diagnostic) {
        subject = invocation.argument(0).flatMap(BenchSubject.init(rawValue:)) ?? .ping
        security = Self.security(invocation)
        connectionCount = invocation[StarlingFlags.connections] ?? Self.connectionCountIfNone
        timeout = invocation[StarlingFlags.timeout] ?? Self.timeoutIfNone
        isJSON = invocation[StarlingFlags.json]
        target = try invocation[StarlingFlags.target].map { text throws(Diagnostic) in
            do throws(MultiaddrError) {
                return try Multiaddr(text)
            } catch {
                throw Diagnostic(
                    code: "invalid_multiaddr",
                    message: "--target '\(text)' is not a multiaddr: \(error).",
                    nextStep: "One looks like /ip4/192.0.2.7/tcp/4001"
                )
            }
        }
        if target != nil && subject == .memory {
            throw Diagnostic(
                code: "misused",
                message: "the memory of another peer's process cannot be measured from here.",
                nextStep: "Go without --target."
            )
        }
        if target != nil && (subject == .seal || subject == .store) {
            throw Diagnostic(
                code: "misused",
                message: "\(subject.rawValue) is measured in this process alone.",
                nextStep: "Go without --target."
            )
        }
    }

    /// The encryption that the command line names: Noise unless told.
    static func security(_ invocation: Invocation) -> SecurityProtocol {
        invocation[StarlingFlags.benchSecurity] == "tls" ? .tls : .noise
    }

    /// How people call the encryption.
    var securityName: String { security == .tls ? "tls" : "noise" }
}
