internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingMesh
internal import StarlingNode
internal import StarlingWorld

/// What `starling up` was asked for, read from its flags.
struct UpSettings: Sendable {
    /// Where to listen; nil for the default ports.
    var listenAddresses: [Multiaddr]?
    var bootstrapAddresses: [Multiaddr]
    var usesMDNS: Bool
    var usesRoutes: Bool
    /// Nil for staying connected to those only that were dialled.
    var topology: Topology.Policy?
    var name: String?
    /// Protocols that secure connections, the preferred one first.
    var securities: [String]
    /// Nil for as many as suit the machine.
    var loopCount: Int?
    /// Nil to scale with the machine.
    var memoryByteCountMax: Int?
    var connectionCountMax: Int?
    var measurableBy: Diagnostics.Audience
    var logLevel: LogLevel

    init(_ invocation: Invocation) throws(Diagnostic) {
        let listen = try Self.addresses(invocation, StarlingFlags.listen)
        listenAddresses = listen.isEmpty ? nil : listen
        bootstrapAddresses = try Self.addresses(invocation, StarlingFlags.bootstrap)
        for address in bootstrapAddresses where address.peerID == nil {
            throw Diagnostic(
                code: "invalid_multiaddr",
                message: "the bootstrap address \(address) names no peer.",
                nextStep: "Add /p2p/ and the PeerID at its end."
            )
        }
        usesMDNS = !invocation[StarlingFlags.noMDNS]
        usesRoutes = invocation[StarlingFlags.routes]
        topology = Topology.Policy(rawValue: invocation[StarlingFlags.topology] ?? "mesh")
        name = invocation[StarlingFlags.name]
        securities = invocation[StarlingFlags.security] ?? ["noise", "tls"]
        loopCount = invocation[StarlingFlags.loops]
        memoryByteCountMax = invocation[StarlingFlags.memoryMax]
        connectionCountMax = invocation[StarlingFlags.connectionsMax]
        measurableBy = invocation[StarlingFlags.measurable].flatMap(Diagnostics.Audience.init) ?? .near
        logLevel =
            switch invocation[StarlingFlags.logLevel] {
            case "trace": .trace
            case "debug": .debug
            case "warning": .warning
            case "error": .error
            default: .info
            }
    }

    private static func addresses(
        _ invocation: Invocation,
        _ flag: Flag<String>
    ) throws(Diagnostic) -> [Multiaddr] {
        var addresses: [Multiaddr] = []
        for text in invocation.all(flag) {
            do throws(MultiaddrError) {
                addresses.append(try Multiaddr(text))
            } catch {
                throw Diagnostic(
                    code: "invalid_multiaddr",
                    message: "\(flag.spec.dashed) '\(text)' is not a multiaddr: \(error).",
                    nextStep: "One looks like /ip4/0.0.0.0/tcp/4001"
                )
            }
        }
        return addresses
    }
}
