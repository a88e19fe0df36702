/// The protocols that a multiaddr can name.
///
/// Spec: multiformats/multiaddr `protocols.csv`. Left out: the I2P addresses (garlic32, garlic64) and the
/// deprecated signalling servers; as bytes they are kept like any unknown code.
package enum MultiaddrProtocol: UInt64, Sendable, CaseIterable {
    case ip4 = 4
    case tcp = 6
    case dccp = 33
    case ip6 = 41
    case ip6zone = 42
    case ipcidr = 43
    case dns = 53
    case dns4 = 54
    case dns6 = 55
    case dnsaddr = 56
    case sctp = 132
    case udp = 273
    case webrtcDirect = 280
    case webrtc = 281
    case p2pCircuit = 290
    case udt = 301
    case utp = 302
    case unix = 400
    case p2p = 421
    case https = 443
    case onion = 444
    case onion3 = 445
    case tls = 448
    case sni = 449
    case noise = 454
    case quic = 460
    case quicV1 = 461
    case webtransport = 465
    case certhash = 466
    case ws = 477
    case wss = 478
    case http = 480
    case httpPath = 481
    case memory = 777
    case plaintextV2 = 7_367_777

    /// How many bytes a value has.
    enum ValueSize: Equatable {
        /// Exactly so many, 0 for a protocol without value.
        case fixed(Int)
        /// At least one, after a varint that tells how many.
        case prefixed
    }

    var valueSize: ValueSize {
        switch self {
        case .ip4: .fixed(4)
        case .tcp, .udp, .dccp, .sctp: .fixed(2)
        case .ip6: .fixed(16)
        case .ipcidr: .fixed(1)
        case .onion: .fixed(12)
        case .onion3: .fixed(37)
        case .memory: .fixed(8)
        case .ip6zone, .dns, .dns4, .dns6, .dnsaddr, .unix, .p2p, .sni, .certhash, .httpPath: .prefixed
        case .webrtcDirect, .webrtc, .p2pCircuit, .udt, .utp, .https, .tls, .noise, .quic, .quicV1,
            .webtransport, .ws, .wss, .http, .plaintextV2:
            .fixed(0)
        }
    }

    /// The name in text form.
    package var name: String {
        switch self {
        case .ip4: "ip4"
        case .tcp: "tcp"
        case .dccp: "dccp"
        case .ip6: "ip6"
        case .ip6zone: "ip6zone"
        case .ipcidr: "ipcidr"
        case .dns: "dns"
        case .dns4: "dns4"
        case .dns6: "dns6"
        case .dnsaddr: "dnsaddr"
        case .sctp: "sctp"
        case .udp: "udp"
        case .webrtcDirect: "webrtc-direct"
        case .webrtc: "webrtc"
        case .p2pCircuit: "p2p-circuit"
        case .udt: "udt"
        case .utp: "utp"
        case .unix: "unix"
        case .p2p: "p2p"
        case .https: "https"
        case .onion: "onion"
        case .onion3: "onion3"
        case .tls: "tls"
        case .sni: "sni"
        case .noise: "noise"
        case .quic: "quic"
        case .quicV1: "quic-v1"
        case .webtransport: "webtransport"
        case .certhash: "certhash"
        case .ws: "ws"
        case .wss: "wss"
        case .http: "http"
        case .httpPath: "http-path"
        case .memory: "memory"
        case .plaintextV2: "plaintextv2"
        }
    }

    /// The protocol of a name; `ipfs` is the old name of `p2p`.
    init?(name: some StringProtocol) {
        if name == "ipfs" {
            self = .p2p
            return
        }
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }
}
