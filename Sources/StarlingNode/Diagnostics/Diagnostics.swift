internal import StarlingProtocols
internal import StarlingTransports

/// The protocols by which others see how a node is doing: ping for everyone, perf and echo for some.
///
/// Their streams write after those of messages, and one peer has a few of them at a time.
package struct Diagnostics: Sendable {
    /// Who is served.
    package enum Audience: String, Sendable, CaseIterable {
        case nobody
        /// Peers on this machine, or on a network of it.
        case near
        case anyone
    }

    /// Streams that one peer may have open; more are reset.
    package struct Limits: Sendable {
        package var pingStreamCountMax = 32
        package var perfStreamCountMax = 8
        package var echoStreamCountMax = 8

        package init() {}
    }

    private let audience: Audience
    private let limits: Limits

    package init(openTo audience: Audience, limits: Limits = Limits()) {
        self.audience = audience
        self.limits = limits
    }

    package func serve(on protocols: ProtocolTable) {
        protocols.set(
            ProtocolID.ping,
            streamCountMaxPerPeer: limits.pingStreamCountMax,
            PingDriver.serve
        )
        guard audience != .nobody else { return }
        protocols.set(
            ProtocolID.perf,
            streamCountMaxPerPeer: limits.perfStreamCountMax,
            measuring(PerfDriver.serve)
        )
        protocols.set(
            ProtocolID.echo,
            streamCountMaxPerPeer: limits.echoStreamCountMax,
            measuring(EchoDriver.serve)
        )
    }

    private func measuring(_ serve: @escaping StreamAction) -> StreamAction {
        { [audience] stream in
            guard audience == .anyone || AddressFilter.isNear(stream.connection.info.remote) else {
                return await stream.reset()
            }
            await stream.setPriority(.low)
            await serve(stream)
        }
    }
}
