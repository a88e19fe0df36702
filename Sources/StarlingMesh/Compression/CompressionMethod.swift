/// How a payload is compressed, by its number on the wire.
package enum CompressionMethod: UInt8, CaseIterable, Sendable {
    /// As it is.
    case none = 0
    /// One block of LZ4: the fastest, for what is not known to be text.
    case lz4 = 1
    /// One frame of Zstandard: smaller, for text.
    ///
    /// Spec: RFC 8878.
    case zstd = 2

    /// What suits a payload of this media type; parameters behind a semicolon count for nothing.
    ///
    /// Formats that are compressed themselves are left alone: trying would only cost time.
    package init(suiting contentType: String) {
        let name = contentType.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }.lowercased()
        let parts = name.split(separator: "/", maxSplits: 1)
        guard parts.count == 2 else {
            self = .lz4
            return
        }
        let subtype = parts[1]
        if parts[0] == "text" || Self.textTypes.contains(name)
            || Self.textSuffixes.contains(where: subtype.hasSuffix)
        {
            self = .zstd
        } else if Self.isCompressed(family: parts[0], subtype: subtype) {
            self = .none
        } else {
            self = .lz4
        }
    }

    private static func isCompressed(family: Substring, subtype: Substring) -> Bool {
        switch family {
        case "video": true
        case "image": !rawImages.contains(subtype)
        case "audio": !rawAudio.contains(subtype)
        case "font": subtype.hasPrefix("woff")
        case "application":
            archives.contains(subtype) || archiveSuffixes.contains(where: subtype.hasSuffix)
                || archivePrefixes.contains(where: subtype.hasPrefix)
        default: false
        }
    }

    /// Text under other names than `text/`.
    private static let textTypes: Set<String> = [
        "application/json", "application/x-ndjson", "application/jsonl", "application/json-seq",
        "application/xml",
        "application/yaml", "application/x-yaml", "application/toml", "application/javascript",
        "application/ecmascript", "application/graphql", "application/sql", "application/rtf",
        "application/x-www-form-urlencoded", "application/n-triples", "application/n-quads",
    ]
    private static let textSuffixes = ["+json", "+xml", "+yaml", "+json-seq"]

    private static let rawImages: Set<Substring> = [
        "bmp", "x-ms-bmp", "tiff", "x-portable-bitmap", "x-portable-graymap", "x-portable-pixmap",
        "x-portable-anymap", "x-icon", "vnd.microsoft.icon", "x-tga", "vnd.adobe.photoshop", "x-dcraw",
    ]
    private static let rawAudio: Set<Substring> = [
        "wav", "x-wav", "wave", "vnd.wave", "l8", "l16", "l24", "basic", "aiff", "x-aiff", "midi",
    ]
    private static let archives: Set<Substring> = [
        "zip", "gzip", "x-gzip", "zstd", "x-zstd", "x-lz4", "x-bzip", "x-bzip2", "x-xz", "x-lzma", "x-lzip",
        "x-brotli",
        "x-7z-compressed", "vnd.rar", "x-rar-compressed", "x-compress", "java-archive", "x-compressed-tar",
        "vnd.android.package-archive", "vnd.debian.binary-package", "x-rpm", "font-woff", "pgp-encrypted",
        "ogg", "mp4",
    ]
    private static let archiveSuffixes = ["+zip", "+gzip", "+zstd"]
    /// Office documents are archives inside.
    private static let archivePrefixes = [
        "vnd.openxmlformats-officedocument.", "vnd.oasis.opendocument.",
    ]
}

/// Why a compressed payload is not taken.
package enum CompressionError: Error, Equatable, Sendable {
    /// A method that this version does not know: the sender is newer.
    case unknownMethod(UInt64)
    /// The payload would be larger than ``PayloadCodec/Limits/payloadByteCountMax``: it belongs into chunks.
    case tooLarge(byteCountMax: Int)
    /// The payload has another size than was declared for it.
    case sizeDiffers
    /// The bytes are not of the method's format: damaged, cut short, or more than was declared.
    case malformed
    /// There was no memory for the decompression: the same payload can be tried again later.
    case outOfMemory
}

/// A payload as it travels.
package struct CompressedPayload: Equatable, Sendable {
    /// How `bytes` are compressed.
    package let method: CompressionMethod
    /// The size of the payload itself; what a peer says here is checked by ``PayloadCodec/decompress(_:)``.
    package let byteCount: Int
    /// What travels.
    package let bytes: [UInt8]

    /// A payload as it is.
    package init(_ payload: [UInt8]) {
        method = .none
        byteCount = payload.count
        bytes = payload
    }

    /// A payload from the wire, with the two numbers that stand beside it.
    package init(method: UInt64, byteCount: UInt64, bytes: [UInt8]) throws(CompressionError) {
        guard let known = UInt8(exactly: method).flatMap(CompressionMethod.init(rawValue:)) else {
            throw .unknownMethod(method)
        }
        self.method = known
        self.byteCount = Int(clamping: byteCount)
        self.bytes = bytes
    }

    init(method: CompressionMethod, byteCount: Int, bytes: [UInt8]) {
        self.method = method
        self.byteCount = byteCount
        self.bytes = bytes
    }
}
