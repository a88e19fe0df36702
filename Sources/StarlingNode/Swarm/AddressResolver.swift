internal import StarlingCore
internal import StarlingWorld

/// Turns addresses with names into addresses with numbers.
///
/// Spec: multiformats/multiaddr "dns", "dnsaddr"; libp2p/specs `addressing/README.md`.
struct AddressResolver: Sendable {
    let resolver: any Resolver
    let depthMax: Int
    /// Questions that one address may cost.
    ///
    /// Who owns a name could otherwise have every node that dials it ask for millions.
    let lookupCountMax: Int

    /// What `address` stands for; itself when it has no name.
    ///
    /// Records of a `/dnsaddr` that name another peer than `peer` are left out.
    func resolve(_ address: Multiaddr, expecting peer: PeerID?) async throws(ResolverError) -> [Multiaddr] {
        var lookupCount = 0
        return try await resolve(address, expecting: peer ?? address.peerID, depth: 0, &lookupCount)
    }

    private func resolve(
        _ address: Multiaddr,
        expecting peer: PeerID?,
        depth: Int,
        _ lookupCount: inout Int
    ) async throws(ResolverError) -> [Multiaddr] {
        guard case .dns(let name, let kind) = address.host else { return [address] }
        guard lookupCount < lookupCountMax else { throw .unavailable("it refers to too many other names") }
        lookupCount += 1
        switch kind {
        case .any, .ipv4, .ipv6:
            let family: AddressFamily = kind == .ipv4 ? .ipv4 : kind == .ipv6 ? .ipv6 : .any
            let found = try await resolver.addresses(of: name, family: family)
            return found.map { address.replacingHost(with: $0) }
        case .dnsaddr:
            guard depth < depthMax else { throw .unavailable("it refers to too many other names") }
            var resolved: [Multiaddr] = []
            for text in try await resolver.texts(of: "_dnsaddr.\(name)") {
                guard text.hasPrefix("dnsaddr="), let entry = try? Multiaddr(String(text.dropFirst(8))) else {
                    continue
                }
                if let peer, let named = entry.peerID, named != peer { continue }
                // One broken record of many must not hide the others.
                if let more = try? await resolve(entry, expecting: peer, depth: depth + 1, &lookupCount) {
                    resolved += more
                }
                if resolved.count >= ResolverLimits.answerCountMax { break }
            }
            if resolved.isEmpty { throw .notFound }
            return resolved
        }
    }
}
