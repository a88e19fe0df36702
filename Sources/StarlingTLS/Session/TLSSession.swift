internal import CGnuTLS
package import StarlingCore
internal import StarlingCrypto

/// One end of a TLS 1.3 connection between libp2p peers, over memory: bytes in, bytes out, no socket.
///
///     session.receive(bytes)                                   // whatever the socket read
///     let peer = try session.handshake()                       // nil: more bytes are needed
///     while let range = session.takeOutput(into: block) { … }  // write these, also after an error: the alert
///
/// After the handshake ``seal(_:into:at:)`` turns content into records, and ``open(into:_:)`` turns what
/// was received into content. Both peers are authenticated before ``handshake()`` returns a peer; GnuTLS's own
/// checks of names and authorities take no part in that, ``TLSCertificate`` does.
///
/// Confined to its owner's loop. A session that threw stays broken: it throws the same error again.
///
/// Costs about 13 KiB while idle, one allocation per record sealed and four per record opened, all in GnuTLS.
///
/// Spec: RFC 8446; libp2p/specs `tls/tls.md`; `connections/inlined-muxer-negotiation.md`. Session tickets,
/// early data and server names are not used. Deviation: a peer that names no application protocol is
/// accepted as one that chose `libp2p`, as go-libp2p does.
@safe package final class TLSSession {
    /// What a peer can make a session hold or do.
    package struct Limits: Sendable {
        /// Bytes received before the handshake is over; more fail it.
        ///
        /// A libp2p handshake needs 1 to 4 KiB.
        package var handshakeByteCountMax = 32_768
        /// The largest handshake message in bytes; a larger one fails the session.
        ///
        /// Holds after the handshake too. The certificate message is the largest.
        package var handshakeMessageByteCountMax = 8192

        package init() {}
    }

    /// The protocol that stands for "no multiplexer agreed".
    package static let plainProtocol = "libp2p"
    /// The most multiplexers that can be offered: GnuTLS takes eight protocols.
    package static let muxerCountMax = 7
    /// The most bytes in a multiplexer's name that GnuTLS takes.
    package static let muxerByteCountMax = 31
    /// The most content of one record.
    package static let recordContentByteCountMax = 16_384
    /// What a record is larger than its content: header, content type, tag.
    package static let recordOverhead = 5 + 1 + 16
    /// Room that GnuTLS may need in a block beside the records: a change of keys.
    package static let blockReserve = 32
    /// The smallest room in a block that ``seal(_:into:at:)`` makes progress with.
    package static let blockRoomMin = 1024

    /// How much content one block of `byteCount` bytes takes, so that nothing is left over.
    package static func contentByteCountMax(blockByteCount byteCount: Int) -> Int {
        let full = recordContentByteCountMax + recordOverhead
        let room = byteCount - blockReserve
        let rest = max(room % full - recordOverhead, 0)
        return room / full * recordContentByteCountMax + rest
    }

    enum Phase {
        case handshaking
        case open
        case failed(TLSError)
    }

    let role: TLSRole
    let expectedPeer: PeerID?
    let startTime: WallTime
    let limits: Limits
    /// Set by ``init`` and never again; GnuTLS refers to this object through it.
    private let handle: gnutls_session_t
    /// GnuTLS refers to them for as long as the session lives.
    private let credentials: TLSCredentials

    private(set) var phase = Phase.handshaking
    /// What GnuTLS has not read yet: empty whenever it has been asked for content, so no block is held.
    private var input = RingQueue<BufferSlice>()
    private var handshakeByteCount = 0
    /// The certificate that the verification accepted, or why it refused.
    private(set) var verdict: Result<TLSCertificate, TLSError>?
    private var isHandshakeTooLarge = false

    /// The block that ``seal(_:into:at:)`` writes to, while it runs.
    private var sink: Buffer?
    private var sinkEnd = 0
    /// Bytes to send for which no block was there: the handshake's and alerts.
    private var pending: [UInt8] = []

    /// Whether the peer said farewell.
    package private(set) var hasPeerEnded = false
    /// Whether we did.
    package private(set) var isClosed = false
    /// What the handshake found, once it is over.
    package private(set) var peer: TLSPeer?

    /// Begins a session.
    ///
    /// `muxers` are offered or accepted, most preferred first, at most seven. `expectedPeer` is who was
    /// dialled; `nil` accepts everybody, as a listener does. The validity of the peer's certificate must
    /// include `now`. Throws when GnuTLS has no memory.
    package init(
        role: TLSRole,
        credentials: TLSCredentials,
        muxers: [String],
        expectedPeer: PeerID?,
        now: WallTime,
        limits: Limits = Limits()
    ) throws(TLSError) {
        precondition(muxers.count <= Self.muxerCountMax)
        precondition(muxers.allSatisfy { (1...Self.muxerByteCountMax).contains($0.utf8.count) })
        self.role = role
        self.expectedPeer = expectedPeer
        self.limits = limits
        self.credentials = credentials
        startTime = now
        unsafe handle = try Self.makeHandle(role, credentials, muxers: muxers, limits)
        let reference = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe gnutls_session_set_ptr(handle, reference)
        unsafe gnutls_transport_set_ptr(handle, reference)
        unsafe Self.setCallbacks(handle)
    }

    deinit { unsafe gnutls_deinit(handle) }

    // MARK: - Input

    /// Takes bytes that came from the peer.
    ///
    /// They are looked at by the next call that asks for something.
    package func receive(_ bytes: BufferSlice) {
        guard !bytes.isEmpty else { return }
        if case .failed = phase { return }
        input.append(bytes)
    }

    /// Says that the peer's byte stream has ended, after everything was received and opened.
    ///
    /// Throws ``TLSError/truncated`` unless the peer had said farewell: somebody on the way may have cut it.
    package func endOfInput() throws(TLSError) {
        if case .failed(let error) = phase { throw error }
        guard hasPeerEnded else { throw fail(.truncated) }
    }

    // MARK: - Handshake

    /// Goes on with the handshake as far as the bytes received allow.
    ///
    /// Returns the peer once it is known, and ever after; `nil` while more bytes are needed. In either case,
    /// and after an error, there may be output to take.
    package func handshake() throws(TLSError) -> TLSPeer? {
        switch phase {
        case .failed(let error): throw error
        case .open: return peer
        case .handshaking: break
        }
        var code: Int32
        repeat {
            let before = handshakeByteCount
            code = unsafe gnutls_handshake(handle)
            let isWaiting = code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED
            if isWaiting && (input.isEmpty || before == handshakeByteCount) { return nil }
            if !isWaiting && code < 0 { throw fail(code) }
        } while code != GNUTLS_E_SUCCESS
        peer = try finishHandshake()
        phase = .open
        return peer
    }

    /// Nobody is accepted whom our own verification has not seen, whatever GnuTLS says.
    private func finishHandshake() throws(TLSError) -> TLSPeer {
        guard let verdict else { throw fail(.noCertificate) }
        let certificate: TLSCertificate
        switch verdict {
        case .success(let accepted): certificate = accepted
        case .failure(let error): throw fail(error)
        }
        guard unsafe gnutls_protocol_get_version(handle) == GNUTLS_TLS1_3 else { throw fail(.notTLS13) }
        let chosen = unsafe Self.chosenProtocol(handle)
        return TLSPeer(
            publicKey: certificate.hostKey,
            peerID: certificate.hostKey.peerID,
            muxer: chosen == Self.plainProtocol ? nil : chosen,
            description: unsafe Self.describe(handle)
        )
    }

    // MARK: - Content

    /// Turns content into records, straight into `block` from `offset` on, and returns where they stand.
    ///
    /// Takes as much of `content` off its front as the block has room for. The block must not be the one that
    /// holds the content. Output that waits, such as the end of the handshake, goes first.
    ///
    /// - Precondition: at least ``blockRoomMin`` bytes of room.
    package func seal(
        _ content: inout BufferSlice,
        into block: Buffer,
        at offset: Int = 0
    ) throws(TLSError) -> Range<Int> {
        precondition(offset >= 0 && block.byteCount - offset >= Self.blockRoomMin)
        switch phase {
        case .failed(let error): throw error
        case .handshaking: throw .handshakeIncomplete
        case .open: break
        }
        guard !isClosed else { throw .closed }
        sink = block
        sinkEnd = offset
        defer { sink = nil }
        drainPending()
        var reserve = Self.blockReserve
        while !content.isEmpty, pending.isEmpty {
            let start = sinkEnd
            let room = block.byteCount - start - Self.recordOverhead - reserve
            // A sliver of a record at the block's end would cost more than it carries.
            guard room >= min(content.count, 512) else { break }
            let chunk = min(content.count, Self.recordContentByteCountMax, room)
            let code = unsafe gnutls_record_send(
                handle,
                content.buffer.memory(content.range).baseAddress,
                chunk
            )
            guard code > 0 else { throw fail(Int32(clamping: code)) }
            _ = content.removePrefix(code)
            // What is more than the record itself was a change of keys, which the reserve is for.
            reserve = max(0, reserve - max(0, sinkEnd - start - code - Self.recordOverhead))
        }
        return offset..<sinkEnd
    }

    /// Turns what was received into content, and writes it to the given part of `block`.
    ///
    /// Fills the part with as many records as came and fit; call it until it returns ``TLSRead/needsInput`` or
    /// ``TLSRead/ended``. An error is thrown after the content before it has been returned.
    ///
    /// - Precondition: the part is not empty.
    package func open(into block: Buffer, _ part: Range<Int>) throws(TLSError) -> TLSRead {
        precondition(!part.isEmpty)
        switch phase {
        case .failed(let error): throw error
        case .handshaking: throw .handshakeIncomplete
        case .open: break
        }
        var end = part.lowerBound
        while end < part.upperBound, !hasPeerEnded {
            // Asking for what cannot be there costs GnuTLS two allocations.
            if input.isEmpty, unsafe gnutls_record_check_pending(handle) == 0 { break }
            let count = unsafe gnutls_record_recv(
                handle,
                block.memory(end..<part.upperBound).baseAddress,
                part.upperBound - end
            )
            if count > 0 {
                end += count
                continue
            }
            if count == 0 {
                hasPeerEnded = true
                input.removeAll()
                break
            }
            let code = Int32(clamping: count)
            guard isPassing(code) else {
                let error = fail(code)
                guard end > part.lowerBound else { throw error }
                break
            }
            // A message without content, such as a session ticket, interrupts before the input is used up.
        }
        if end > part.lowerBound { return .content(part.lowerBound..<end) }
        return hasPeerEnded ? .ended : .needsInput
    }

    /// Says farewell: the peer will know that nothing is missing.
    ///
    /// Take the output, then end the byte stream. Content of the peer can still be opened.
    package func close() {
        guard case .open = phase, !isClosed else { return }
        isClosed = true
        _ = unsafe gnutls_bye(handle, GNUTLS_SHUT_WR)
    }

    // MARK: - Output

    /// Whether there is output that is no content: handshake, alert, farewell.
    package var hasOutput: Bool { !pending.isEmpty }

    /// Copies output that waits into `block` from `offset` on; `nil` when there is none.
    package func takeOutput(into block: Buffer, at offset: Int = 0) -> Range<Int>? {
        precondition(offset >= 0 && offset < block.byteCount)
        guard !pending.isEmpty else { return nil }
        sink = block
        sinkEnd = offset
        defer { sink = nil }
        drainPending()
        return offset..<sinkEnd
    }

    private func drainPending() {
        guard !pending.isEmpty, let sink else { return }
        let count = min(pending.count, sink.byteCount - sinkEnd)
        sink.write(pending.span.extracting(0..<count), at: sinkEnd)
        sinkEnd += count
        // Handshakes are over soon: the memory goes with the last byte.
        pending = count == pending.count ? [] : Array(pending.dropFirst(count))
    }

    // MARK: - Called by GnuTLS

    /// Takes records from GnuTLS: into the block that is being filled, or aside.
    func push(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        if let sink, pending.isEmpty, bytes.count <= sink.byteCount - sinkEnd {
            let part = sinkEnd..<sinkEnd + bytes.count
            unsafe sink.memory(part).baseAddress?.copyMemory(from: start, byteCount: bytes.count)
            sinkEnd = part.upperBound
        } else {
            unsafe pending.append(contentsOf: bytes)
        }
    }

    /// Tells GnuTLS that no bytes are there: for the time being, or for good.
    func setTransportError(isFinal: Bool) {
        let code = isFinal ? CGNUTLS_BROKEN : CGNUTLS_WOULD_BLOCK
        unsafe gnutls_transport_set_errno(handle, Int32(code.rawValue))
    }

    /// Gives received bytes to GnuTLS, which asks for a header or a record at a time; 0 when there are none.
    func pull(_ destination: UnsafeMutableRawBufferPointer) -> Int {
        guard let target = destination.baseAddress else { return 0 }
        var count = 0
        while count < destination.count, var slice = input.popFirst() {
            let part = slice.removePrefix(min(slice.count, destination.count - count))
            if let source = unsafe part.buffer.memory(part.range).baseAddress {
                unsafe (target + count).copyMemory(from: source, byteCount: part.count)
            }
            count += part.count
            if !slice.isEmpty { input.prepend(slice) }
        }
        if case .handshaking = phase {
            handshakeByteCount += count
            if handshakeByteCount > limits.handshakeByteCountMax { isHandshakeTooLarge = true }
        }
        return isHandshakeTooLarge ? -1 : count
    }

    /// Judges the peer's certificates, before GnuTLS lets the handshake end.
    func verify(chain: [[UInt8]]) -> Bool {
        do throws(TLSError) {
            let certificate: TLSCertificate
            do {
                certificate = try TLSCertificate.verify(chain: chain, now: startTime)
            } catch {
                throw .certificate(error)
            }
            let actual = certificate.hostKey.peerID
            if let expectedPeer, expectedPeer != actual {
                throw .wrongPeer(expected: expectedPeer, actual: actual)
            }
            verdict = .success(certificate)
            return true
        } catch {
            verdict = .failure(error)
            return false
        }
    }

    // MARK: - Failure

    /// Whether GnuTLS means "later" or "a message that is not for you".
    private func isPassing(_ code: Int32) -> Bool {
        switch code {
        case GNUTLS_E_AGAIN, GNUTLS_E_INTERRUPTED: true
        // In TLS 1.3 every alert but this one ends the session, whatever its level says.
        case GNUTLS_E_WARNING_ALERT_RECEIVED: unsafe Self.lastAlert(handle) == .userCanceled
        default: false
        }
    }

    /// Breaks the session, with an alert for the peer that fits the code.
    private func fail(_ code: Int32) -> TLSError {
        if isHandshakeTooLarge { return fail(.handshakeTooLarge) }
        if case .failure(let error) = verdict { return fail(error) }
        let error = TLSError(code: code, alert: unsafe Self.lastAlert(handle), isHandshaking: peer == nil)
        return fail(error, code: code)
    }

    /// Breaks the session; the first error stays.
    private func fail(_ error: TLSError, code: Int32 = GNUTLS_E_SUCCESS) -> TLSError {
        if case .failed(let first) = phase { return first }
        phase = .failed(error)
        input.removeAll()
        unsafe Self.sendAlert(handle, for: error, code: code)
        return error
    }
}
