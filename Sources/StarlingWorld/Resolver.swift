package import StarlingCore

/// Why a name did not resolve.
package enum ResolverError: Error, Equatable, Sendable {
    /// No such name, or it has no record of that kind.
    case notFound
    /// The name servers did not answer, or with a failure that may pass.
    case unavailable(String)
    /// The name is not one that can be asked for.
    case invalidName
    case cancelled
}

/// Which addresses of a name are wanted.
package enum AddressFamily: Hashable, Sendable { case ipv4, ipv6, any }

/// The domain name system.
///
/// Answers come from a thread pool, never from a loop's thread.
package protocol Resolver: Sendable {
    /// The addresses of a host, at most ``ResolverLimits/answerCountMax``.
    func addresses(of host: String, family: AddressFamily) async throws(ResolverError) -> [IPAddress]
    /// The TXT records of a name, each with its strings joined.
    func texts(of name: String) async throws(ResolverError) -> [String]
}

package enum ResolverLimits {
    /// Answers beyond this are dropped: nobody dials a hundred addresses of one name.
    package static let answerCountMax = 64
}
