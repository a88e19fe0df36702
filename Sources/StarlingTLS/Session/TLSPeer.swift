package import StarlingCore
package import StarlingCrypto

/// What a finished handshake says about the other end.
package struct TLSPeer: Equatable, Sendable {
    /// The peer's host key, of which it proved possession.
    package let publicKey: PublicKey
    /// The peer's name, derived from its key.
    package let peerID: PeerID
    /// The stream multiplexer that both agreed on, or `nil` when multistream-select must find one.
    package let muxer: String?
    /// Version, key exchange, signature and cipher, as GnuTLS writes them, for logs.
    package let description: String
}

/// Which end of the TLS connection a session is.
package enum TLSRole: Sendable {
    /// The end that dialled.
    case client
    /// The end that listened.
    case server
}

/// What ``TLSSession/open(into:_:)`` found.
package enum TLSRead: Equatable, Sendable {
    /// Content, which stands in this part of the block.
    case content(Range<Int>)
    /// Nothing until more bytes are received.
    case needsInput
    /// The peer said farewell: no content follows.
    case ended
}
