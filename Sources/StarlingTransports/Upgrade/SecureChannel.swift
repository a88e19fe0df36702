internal import StarlingCore
internal import StarlingCrypto

/// The security of one connection: first the handshake, then records, opened where they were read where
/// that is possible and sealed where they were built.
///
/// Confined to its connection.
protocol SecureChannel: AnyObject {
    /// Bytes kept free in front of a record's content.
    var headroom: Int { get }
    /// The most content of one record.
    var contentByteCountMax: Int { get }
    /// Whether the peer has said, under the protection of the channel, that nothing more comes.
    var isEnded: Bool { get }

    /// Takes what was read from the socket.
    ///
    /// - Precondition: what was fed before is used up: the last call gave `nil`.
    func feed(_ bytes: BufferSlice)

    /// Goes on with the handshake as far as the bytes fed allow, and appends what goes to the socket.
    ///
    /// - Returns: The peer, once it is known. On an error there may be output too, such as an alert.
    func handshake(into output: inout RingQueue<BufferSlice>) throws(ConnectionError) -> SecuredPeer?

    /// The content of the next record, or `nil` until more is fed.
    ///
    /// After an error ``close(into:)`` has what tells the peer, such as an alert.
    func nextContent() throws(ConnectionError) -> BufferSlice?

    /// Seals a record's content, and appends what goes to the socket.
    ///
    /// - Precondition: there are ``headroom`` bytes before the content and a tag's room behind it in the block.
    func seal(
        _ block: Buffer,
        _ content: Range<Int>,
        into output: inout RingQueue<BufferSlice>
    ) throws(ConnectionError)

    /// Appends what tells the peer that nothing more comes, or which error ended the channel.
    func close(into output: inout RingQueue<BufferSlice>)
}

/// Who a handshake found at the other end.
struct SecuredPeer {
    var peer: PeerID
    var key: PublicKey
    /// The multiplexer that was agreed on in the handshake; `nil` when it is still to be negotiated.
    var muxer: String?
}
