internal import StarlingCore
internal import StarlingWorld

/// Turns addresses with names into addresses with numbers.
///
/// Spec: multiformats/multiaddr "dns", "dnsaddr"; libp2p/specs `addressing/README.md`.
struct AddressResolver: Sendable {
    let resolver: any Resolver
    let depthMax: Int

    /// What `address` stands for; itself when it has no name.
    ///
    /// Records of a `/dnsaddr` that name another peer than `peer` are left out.
    func resolve(_ address: Multiaddr, expecting peer: PeerID?) async throws(ResolverError) -> [Multiaddr] {
        try await resolve(address, expecting: peer ?? address.peerID, depth: 0)
    }

    private func resolve(
        _ address: Multiaddr,
        expecting peer: PeerID?,
        depth: Int
    ) async throws(ResolverError) -> [Multiaddr] {
        guard case .dns(let name, let kind) = address.host else { return [address] }
        switch kind {
        case .any, .ipv4, .ipv6:
            let family: AddressFamily = kind == .ipv4 ? .ipv4 : kind == .ipv6 ? .ipv6 : .any
            let found = try await resolver.addresses(of: name, family: family)
            return found.map { address.replacingHost(with: $0) }
        case .dnsaddr:
            guard depth < depthMax else { return [] }
            var resolved: [Multiaddr] = []
            for text in try await resolver.texts(of: "_dnsaddr.\(name)") {
                guard text.hasPrefix("dnsaddr="), let entry = try? Multiaddr(String(text.dropFirst(8))) else {
                    continue
                }
                if let peer, let named = entry.peerID, named != peer { continue }
                // One broken record of many must not hide the others.
                if let more = try? await resolve(entry, expecting: peer, depth: depth + 1) {
                    resolved += more
                }
                if resolved.count >= ResolverLimits.answerCountMax { break }
            }
            return resolved
        }
    }
}
