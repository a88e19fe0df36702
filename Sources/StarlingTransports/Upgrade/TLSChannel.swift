internal import StarlingCore
internal import StarlingCrypto
internal import StarlingTLS
internal import StarlingWorld

/// A connection's security by TLS 1.3.
///
/// GnuTLS copies content on its way in and out.
///
/// Spec: libp2p/specs `tls/tls.md`.
final class TLSChannel: SecureChannel {
    private let loop: any EventLoop
    private let session: TLSSession

    let headroom = 0
    /// Several TLS records are sealed from one block, so that they leave in one write.
    let contentByteCountMax = 65_536
    private(set) var isEnded = false

    init(
        _ role: TLSRole,
        _ setup: ConnectionSetup,
        _ credentials: TLSCredentials,
        _ loop: any EventLoop
    ) throws(ConnectionError) {
        self.loop = loop
        do throws(TLSError) {
            session = try TLSSession(
                role: role,
                credentials: credentials,
                muxers: setup.muxers,
                expectedPeer: setup.expectedPeer,
                now: setup.wallClock.now
            )
        } catch {
            throw .tls(error)
        }
    }

    func feed(_ bytes: BufferSlice) { session.receive(bytes) }

    func handshake(into output: inout RingQueue<BufferSlice>) throws(ConnectionError) -> SecuredPeer? {
        let result: Result<TLSPeer?, TLSError>
        do throws(TLSError) { result = .success(try session.handshake()) } catch { result = .failure(error) }
        takeOutput(into: &output)
        switch result {
        case .success(let peer?):
            return SecuredPeer(peer: peer.peerID, key: peer.publicKey, muxer: peer.muxer)
        case .success(nil): return nil
        case .failure(let error): throw .tls(error)
        }
    }

    func nextContent() throws(ConnectionError) -> BufferSlice? {
        let block = loop.takeRecordBuffer()
        do throws(TLSError) {
            switch try session.open(into: block, 0..<block.byteCount) {
            case .content(let range): return BufferSlice(block, range)
            case .needsInput: return nil
            case .ended:
                isEnded = true
                return nil
            }
        } catch {
            throw .tls(error)
        }
    }

    func seal(
        _ block: Buffer,
        _ content: Range<Int>,
        into output: inout RingQueue<BufferSlice>
    ) throws(ConnectionError) {
        var rest = BufferSlice(block, content)
        do throws(TLSError) {
            while !rest.isEmpty {
                let sealed = loop.takeRecordBuffer()
                let range = try session.seal(&rest, into: sealed)
                if !range.isEmpty { output.append(BufferSlice(sealed, range)) }
            }
        } catch {
            throw .tls(error)
        }
    }

    func close(into output: inout RingQueue<BufferSlice>) {
        session.close()
        takeOutput(into: &output)
    }

    private func takeOutput(into output: inout RingQueue<BufferSlice>) {
        while session.hasOutput {
            let block = loop.takeRecordBuffer()
            guard let range = session.takeOutput(into: block) else { return }
            output.append(BufferSlice(block, range))
        }
    }
}
