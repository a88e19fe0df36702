internal import CLZ4
internal import CZstd
internal import StarlingCore

/// Compresses payloads before they are sealed and decompresses them afterwards.
///
///     let travelling = codec.compress(payload, contentType: "application/json")
///     let payload = try codec.decompress(travelling)
///
/// One owner uses it, on one thread at a time: it keeps the contexts of Zstandard, which are made at the first use and
/// cost more to make than a small payload to compress, until it is told to ``rest()``.
///
/// The length of what is sealed can be seen by whoever carries it, and compression makes it depend on the content. An
/// application that puts a secret and an attacker's text into one payload should give it a type that is not compressed.
///
/// Spec: RFC 8878 (Zstandard); lz4/lz4 `doc/lz4_Block_format.md`.
@safe package struct PayloadCodec: ~Copyable {
    /// What is compressed, and what a peer may make us hold.
    package struct Limits: Sendable {
        /// Smaller payloads are left as they are: there is little to gain.
        package var compressedFromByteCount = 1024
        /// The bytes that compression has to save, or the payload is left as it is; the method and the size stand beside
        /// a compressed payload and take some of them.
        package var savedByteCountMin = 16
        /// A payload that is larger, or says it is, is refused before it is decompressed.
        package var payloadByteCountMax = 1_048_576
        /// The level of Zstandard: what its makers have as the usual one.
        package var zstdLevel: Int32 = 3

        package init() {}
    }

    private let limits: Limits
    private var compression: OpaquePointer?
    private var decompression: OpaquePointer?

    package init(limits: Limits = Limits()) {
        self.limits = limits
        unsafe compression = nil
        unsafe decompression = nil
    }

    deinit { unsafe Self.free(compression, decompression) }

    /// Gives back the contexts, which may hold a megabyte: whoever has nothing to do for a while needs none.
    package mutating func rest() {
        unsafe Self.free(compression, decompression)
        unsafe compression = nil
        unsafe decompression = nil
    }

    private static func free(_ compression: OpaquePointer?, _ decompression: OpaquePointer?) {
        // Freeing nothing is allowed.
        unsafe ZSTD_freeCCtx(compression)
        unsafe ZSTD_freeDCtx(decompression)
    }

    /// The payload as it will travel, never larger than it is.
    ///
    /// It stays as it is when it is small, larger than the limit, of a type that is compressed already, or not made smaller;
    /// also when there is no memory for more.
    package mutating func compress(_ payload: [UInt8], contentType: String) -> CompressedPayload {
        guard payload.count >= limits.compressedFromByteCount, payload.count <= limits.payloadByteCountMax,
            payload.count <= Int(LZ4_MAX_INPUT_SIZE)
        else { return CompressedPayload(payload) }
        let method = CompressionMethod(suiting: contentType)
        let capacity = payload.count - limits.savedByteCountMin
        guard method != .none, capacity > 0 else { return CompressedPayload(payload) }
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { output, count in
            count = unsafe payload.withUnsafeBytes { input in
                switch method {
                case .none: 0
                case .lz4: unsafe Self.compressLZ4(input, into: output)
                case .zstd: unsafe compressZstd(input, into: output)
                }
            }
        }
        guard !bytes.isEmpty else { return CompressedPayload(payload) }
        return CompressedPayload(method: method, byteCount: payload.count, bytes: bytes)
    }

    /// The payload itself.
    ///
    /// The declared size is checked against the limit first, and nothing larger is ever allocated.
    package mutating func decompress(_ payload: CompressedPayload) throws(CompressionError) -> [UInt8] {
        guard payload.byteCount <= limits.payloadByteCountMax else {
            throw .tooLarge(byteCountMax: limits.payloadByteCountMax)
        }
        guard payload.method != .none else {
            guard payload.bytes.count == payload.byteCount else { throw .sizeDiffers }
            return payload.bytes
        }
        guard payload.byteCount > 0 else { throw .sizeDiffers }
        // Nobody sends more bytes than the payload has.
        guard !payload.bytes.isEmpty, payload.bytes.count < payload.byteCount else { throw .malformed }
        if payload.method == .zstd { try prepareZstd(payload) }
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: payload.byteCount) { output, count in
            count = unsafe payload.bytes.withUnsafeBytes { input in
                switch payload.method {
                case .none: 0
                case .lz4: unsafe Self.decompressLZ4(input, into: output)
                case .zstd: unsafe decompressZstd(input, into: output)
                }
            }
        }
        guard !bytes.isEmpty else { throw .malformed }
        guard bytes.count == payload.byteCount else { throw .sizeDiffers }
        return bytes
    }

    // MARK: LZ4

    /// The number of bytes written; 0 when they do not fit.
    private static func compressLZ4(
        _ input: UnsafeRawBufferPointer,
        into output: UnsafeMutableBufferPointer<UInt8>
    ) -> Int {
        Int(
            unsafe LZ4_compress_default(
                input.bindMemory(to: CChar.self).baseAddress,
                UnsafeMutableRawBufferPointer(output).bindMemory(to: CChar.self).baseAddress,
                Int32(clamping: input.count),
                Int32(clamping: output.count)
            )
        )
    }

    /// The number of bytes written; 0 when the block is malformed or larger than the output.
    private static func decompressLZ4(
        _ input: UnsafeRawBufferPointer,
        into output: UnsafeMutableBufferPointer<UInt8>
    ) -> Int {
        let count = unsafe LZ4_decompress_safe(
            input.bindMemory(to: CChar.self).baseAddress,
            UnsafeMutableRawBufferPointer(output).bindMemory(to: CChar.self).baseAddress,
            Int32(clamping: input.count),
            Int32(clamping: output.count)
        )
        return max(0, Int(count))
    }

    // MARK: Zstandard

    /// Frames begin with these four bytes; those of its versions before 0.8 and those without content are not taken.
    private static let zstdMagic: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd]

    /// The number of bytes written; 0 when they do not fit.
    private mutating func compressZstd(
        _ input: UnsafeRawBufferPointer,
        into output: UnsafeMutableBufferPointer<UInt8>
    ) -> Int {
        if unsafe compression == nil { unsafe compression = ZSTD_createCCtx() }
        guard let context = unsafe compression else { return 0 }
        let count = unsafe ZSTD_compressCCtx(
            context,
            output.baseAddress,
            output.count,
            input.baseAddress,
            input.count,
            limits.zstdLevel
        )
        return ZSTD_isError(count) == 0 ? count : 0
    }

    /// Checks that there is exactly one frame and that it says the declared size itself.
    private mutating func prepareZstd(_ payload: CompressedPayload) throws(CompressionError) {
        guard payload.bytes.starts(with: Self.zstdMagic) else { throw .malformed }
        let (content, frame) = unsafe payload.bytes.withUnsafeBytes { input in
            unsafe (
                ZSTD_getFrameContentSize(input.baseAddress, input.count),
                ZSTD_findFrameCompressedSize(input.baseAddress, input.count)
            )
        }
        guard ZSTD_isError(frame) == 0, frame == payload.bytes.count else { throw .malformed }
        guard content == UInt64(payload.byteCount) else { throw .sizeDiffers }
        if unsafe decompression == nil { unsafe decompression = ZSTD_createDCtx() }
        guard unsafe decompression != nil else { throw .outOfMemory }
    }

    /// The number of bytes written; 0 when the frame is malformed or larger than the output.
    private mutating func decompressZstd(
        _ input: UnsafeRawBufferPointer,
        into output: UnsafeMutableBufferPointer<UInt8>
    ) -> Int {
        let count = unsafe ZSTD_decompressDCtx(
            decompression,
            output.baseAddress,
            output.count,
            input.baseAddress,
            input.count
        )
        return ZSTD_isError(count) == 0 ? count : 0
    }
}
