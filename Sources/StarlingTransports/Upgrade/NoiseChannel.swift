internal import StarlingCore
internal import StarlingCrypto
internal import StarlingWorld

/// A connection's security by Noise: records are decrypted where they were read and encrypted where they were
/// built, and nothing is allocated for one.
///
/// Spec: libp2p/specs `noise/README.md` r5.
final class NoiseChannel: SecureChannel {
    private let cipher: ChaChaPoly
    private var assembler: RecordAssembler
    private var pending: NoiseHandshake
    private var session: NoiseSession?

    let headroom = NoiseRecord.headerByteCount
    let contentByteCountMax = NoiseRecord.contentByteCountMax
    private(set) var isEnded = false
    private let farewell: Farewell

    /// What tells the peer that nothing more comes.
    enum Farewell {
        /// libp2p's Noise has none: the socket's end is the end.
        case none
        /// A record without content: where others carry the records, they cannot make an end of their own of it.
        case emptyRecord
    }

    /// The security of a connection.
    convenience init(_ role: NoiseRole, _ setup: ConnectionSetup, _ loop: any EventLoop) {
        var seed = setup.random.bytes(count: 32)
        let handshake = NoiseHandshake(
            role: role,
            identity: setup.noise,
            ephemeralSeed: SecretBytes(wiping: &seed),
            expectedPeer: setup.expectedPeer,
            muxers: setup.muxers
        )
        self.init(handshake, setup.cipher, farewell: .none, loop)
    }

    init(
        _ handshake: consuming NoiseHandshake,
        _ cipher: ChaChaPoly,
        farewell: Farewell,
        _ loop: any EventLoop
    ) {
        self.cipher = cipher
        self.farewell = farewell
        assembler = RecordAssembler(loop: loop)
        assembler.recordByteCountMax = NoiseHandshake.Limits().messageByteCountMax
        pending = handshake
    }

    func feed(_ bytes: BufferSlice) { assembler.feed(bytes) }

    func handshake(into output: inout RingQueue<BufferSlice>) throws(ConnectionError) -> SecuredPeer? {
        do throws(NoiseError) {
            while true {
                while let message = try pending.nextMessage() {
                    let length = [UInt8(message.count >> 8), UInt8(message.count & 0xff)]
                    output.append(BufferSlice(copying: (length + message).span))
                }
                if pending.isFinished { break }
                guard let record = try assembler.next() else { return nil }
                try record.withSpan { bytes throws(NoiseError) in
                    try pending.receive(bytes.extracting(NoiseRecord.headerByteCount..<bytes.count))
                }
            }
            let finished = try pending.finish()
            assembler.recordByteCountMax = NoiseRecord.recordByteCountMax
            let peer = SecuredPeer(
                peer: finished.remotePeer,
                key: finished.remoteKey,
                muxer: finished.muxer
            )
            session = consume finished
            return peer
        } catch {
            throw .noise(error)
        }
    }

    func nextContent() throws(ConnectionError) -> BufferSlice? {
        do throws(NoiseError) {
            while !isEnded, let record = try assembler.next() {
                let content = try session?.open(record.buffer, record: record.range, with: cipher)
                guard let content else { return nil }
                if !content.isEmpty { return BufferSlice(record.buffer, content) }
                isEnded = farewell == .emptyRecord
            }
            return nil
        } catch {
            throw .noise(error)
        }
    }

    func seal(
        _ block: Buffer,
        _ content: Range<Int>,
        into output: inout RingQueue<BufferSlice>
    ) throws(ConnectionError) {
        do throws(NoiseError) {
            guard let range = try session?.seal(block, content: content, with: cipher) else { return }
            output.append(BufferSlice(block, range))
        } catch {
            throw .noise(error)
        }
    }

    func close(into output: inout RingQueue<BufferSlice>) {
        guard farewell == .emptyRecord else { return }
        let block = Buffer(byteCount: headroom + NoiseRecord.tagByteCount)
        // Without content there is nothing that the cipher could refuse.
        try? seal(block, headroom..<headroom, into: &output)
    }
}
