internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingMesh
internal import StarlingTransports

extension BenchSubject {
    /// The flags that mean something to it, beside those of every command.
    fileprivate var flags: [FlagSpec] {
        let (target, security) = (StarlingFlags.target.spec, StarlingFlags.benchSecurity.spec)
        let privacy = StarlingFlags.benchPrivacy.spec
        let messages = [privacy, StarlingFlags.senders.spec, StarlingFlags.payloadBytes.spec]
        return switch self {
        case .ping, .bulk, .dial, .streams: [target, security]
        // What the process or the inbox of another peer holds cannot be seen from here.
        case .memory: [security, StarlingFlags.connections.spec]
        case .delivery, .route: [security] + messages
        case .urgent: [target, security] + messages
        case .enqueue: messages
        case .file: [security, privacy, StarlingFlags.fileSize.spec]
        case .seal, .store: []
        }
    }
}

/// What `starling bench` was asked for, read from its flags.
struct BenchSettings: Sendable {
    let subject: BenchSubject
    let security: SecurityProtocol
    /// The peer to measure against; `nil` for a second process of our own.
    let target: Multiaddr?
    /// Connections of the memory bench.
    let connectionCount: Int
    /// Who can read the messages of a bench.
    let privacy: MessageHeader.Privacy
    /// Callers at the same time, each of whom waits until its message is accepted.
    let senderCount: Int
    /// The bytes of a message's payload.
    let payloadByteCount: Int
    /// The size of the file bench's file.
    let fileByteCount: Int
    /// When the whole bench is given up.
    let timeout: Duration
    let isJSON: Bool

    private static let connectionCountIfNone = 500
    private static let senderCountIfNone = 32
    private static let payloadByteCountIfNone = 1024
    private static let timeoutIfNone: Duration = .seconds(180)

    init(_ invocation: Invocation) throws(Diagnostic) {
        subject = invocation.argument(0).flatMap(BenchSubject.init(rawValue:)) ?? .ping
        try Self.refuseOthers(than: subject.flags, invocation)
        security = Self.security(invocation)
        connectionCount = invocation[StarlingFlags.connections] ?? Self.connectionCountIfNone
        privacy = invocation[StarlingFlags.benchPrivacy] == "private" ? .private : .standard
        senderCount = invocation[StarlingFlags.senders] ?? Self.senderCountIfNone
        payloadByteCount = invocation[StarlingFlags.payloadBytes] ?? Self.payloadByteCountIfNone
        fileByteCount = invocation[StarlingFlags.fileSize] ?? LabSettings.fileByteCountIfNone
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
    }

    /// Refuses a flag that would change nothing.
    private static func refuseOthers(than flags: [FlagSpec], _ invocation: Invocation) throws(Diagnostic) {
        let known = Set((flags + StarlingFlags.common).map(\.name))
        for flag in invocation.command.flags where invocation.names(flag) && !known.contains(flag.name) {
            throw Diagnostic(
                code: "misused",
                message:
                    "'bench \(invocation.arguments.joined(separator: " "))' has no use for \(flag.dashed).",
                nextStep: "Go without \(flag.dashed)."
            )
        }
    }

    /// The encryption that the command line names: Noise unless told.
    static func security(_ invocation: Invocation) -> SecurityProtocol {
        invocation[StarlingFlags.benchSecurity] == "tls" ? .tls : .noise
    }

    /// How people call the privacy.
    var privacyName: String { privacy == .private ? "private" : "standard" }

    /// How people call the encryption.
    var securityName: String { security == .tls ? "tls" : "noise" }
}
