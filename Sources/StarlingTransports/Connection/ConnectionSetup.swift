package import StarlingCore
package import StarlingCrypto
internal import StarlingProtocols
package import StarlingTLS
package import StarlingWorld

/// The security protocols that a stream socket can be upgraded with.
package enum SecurityProtocol: String, Sendable, Hashable, CaseIterable {
    case noise = "/noise"
    case tls = "/tls/1.0.0"
}

/// What every connection of a node needs, handed to each.
package struct ConnectionSetup: Sendable {
    /// This node's part in Noise handshakes.
    package let noise: NoiseIdentity
    /// This node's TLS certificate, where ``securities`` names TLS.
    package let tls: TLSCredentials?
    /// What is offered, the preferred first.
    package let securities: [SecurityProtocol]
    /// Multiplexers, the preferred first.
    package let muxers = [ProtocolID.yamux]
    package let limits: ConnectionLimits
    package let random: any RandomSource
    package let wallClock: any WallClock
    package let owner: any ConnectionOwner
    /// The cipher of the loop that the connection lives on.
    package var cipher: ChaChaPoly
    /// Counts the bytes of the loop's connections.
    package var meter = TrafficMeter()
    /// Who must be at the other end; `nil` takes anyone.
    package var expectedPeer: PeerID?

    /// Signs this process's keys for Noise and TLS with the node's identity.
    package init(
        identity: IdentityKey,
        securities: [SecurityProtocol],
        limits: ConnectionLimits,
        world: World,
        owner: any ConnectionOwner
    ) throws(SetupError) {
        self.securities = securities
        self.limits = limits
        self.owner = owner
        random = world.random
        wallClock = world.wallClock
        var seed = world.random.bytes(count: 32)
        noise = NoiseIdentity(identity, wipingStaticSeed: &seed)
        do throws(CryptoError) { cipher = try ChaChaPoly() } catch { throw .crypto(error) }
        guard securities.contains(.tls) else {
            tls = nil
            return
        }
        let serial = world.random.bytes(count: 16)
        do throws(TLSError) {
            tls = try TLSCredentials(identity: identity, now: world.wallClock.now, serial: serial)
        } catch {
            throw .tls(error)
        }
    }
}

/// Why a node's connections could not be set up.
package enum SetupError: Error, Equatable, Sendable {
    case crypto(CryptoError)
    case tls(TLSError)
}
