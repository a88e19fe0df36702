internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingMesh
internal import StarlingTransports

/// What to measure.
enum BenchSubject: String, CaseIterable {
    case ping, bulk, dial, memory, streams, seal, store, urgent, enqueue, delivery, file

    /// Whether messages are on a disk, in a folder of the bench.
    var isDurable: Bool {
        switch self {
        case .urgent, .enqueue, .delivery: true
        case .ping, .bulk, .dial, .memory, .streams, .seal, .store, .file: false
        }
    }

    /// Whether it is measured without a peer, or with peers of its own.
    var isAlone: Bool {
        switch self {
        case .seal, .store, .enqueue, .file: true
        case .ping, .bulk, .dial, .memory, .streams, .urgent, .delivery: false
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
        if target != nil && subject == .delivery {
            throw Diagnostic(
                code: "misused",
                message: "what another peer's inbox holds cannot be checked from here.",
                nextStep: "Go without --target."
            )
        }
        if target != nil && subject == .memory {
            throw Diagnostic(
                code: "misused",
                message: "the memory of another peer's process cannot be measured from here.",
                nextStep: "Go without --target."
            )
        }
        if target != nil && subject.isAlone {
            throw Diagnostic(
                code: "misused",
                message: "\(subject.rawValue) is measured on this machine alone.",
                nextStep: "Go without --target."
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
