internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingTransports

/// What `starling peer` was asked for, read from its flags.
struct PeerSettings: Sendable {
    /// Where to listen; empty to dial only.
    var listenAddresses: [Multiaddr]
    var securities: [SecurityProtocol]
    /// The protocol that is echoed from the start.
    var echoProtocol: String
    /// Commands to run first, in order.
    var script: [String]
    /// Whether commands are then taken from standard input.
    var takesCommands: Bool
    /// How long to stay up after that.
    var stay: Duration
    /// The most time one command may take.
    var timeout: Duration

    init(_ invocation: Invocation) throws(Diagnostic) {
        let listen = invocation[StarlingFlags.listenList] ?? "/ip4/127.0.0.1/tcp/0"
        listenAddresses = []
        for text in listen == "none" ? [] : listen.split(separator: ",") {
            do throws(MultiaddrError) { listenAddresses.append(try Multiaddr(String(text))) } catch {
                throw Diagnostic(
                    code: "invalid_multiaddr",
                    message: "--listen '\(text)' is not a multiaddr: \(error).",
                    nextStep: "One looks like /ip4/127.0.0.1/tcp/0"
                )
            }
        }
        securities =
            switch invocation[StarlingFlags.peerSecurity] {
            case "noise": [.noise]
            case "tls": [.tls]
            default: [.noise, .tls]
            }
        echoProtocol = invocation[StarlingFlags.echoProtocol] ?? PeerSession.echoProtocol
        script = invocation.all(StarlingFlags.connect).map { "connect \($0)" }
        script += invocation.all(StarlingFlags.do)
        takesCommands = invocation[StarlingFlags.serve]
        stay = invocation[StarlingFlags.stay] ?? .zero
        timeout = invocation[StarlingFlags.peerTimeout] ?? .seconds(30)
    }
}
