/// The protocol ids that this node speaks, as multistream-select names them.
package enum ProtocolID {
    /// Spec: multiformats/multistream-select.
    package static let multistream = "/multistream/1.0.0"
    /// Spec: libp2p/specs `noise/README.md` r5.
    package static let noise = "/noise"
    /// Spec: libp2p/specs `tls/tls.md` r0.
    package static let tls = "/tls/1.0.0"
    /// Spec: libp2p/specs `yamux/README.md` r0.
    package static let yamux = "/yamux/1.0.0"
    /// Spec: libp2p/specs `identify/README.md` r1.
    package static let identify = "/ipfs/id/1.0.0"
    /// Spec: libp2p/specs `identify/README.md` r1, "identify/push".
    package static let identifyPush = "/ipfs/id/push/1.0.0"
    /// Spec: libp2p/specs `ping/ping.md` r0.
    package static let ping = "/ipfs/ping/1.0.0"
    /// Spec: libp2p/specs `perf/perf.md` r0.
    package static let perf = "/perf/1.0.0"
    /// Sends back what it reads, for tests.
    ///
    /// No specification.
    package static let echo = "/echo/1.0.0"
}
