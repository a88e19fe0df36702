import Testing

@testable import StarlingMesh

@Suite struct CompressionMethodTests {
    @Test(arguments: [
        "text/plain", "text/html; charset=utf-8", "TEXT/CSV", " text/markdown ", "application/json",
        "application/json;charset=UTF-8", "application/geo+json", "application/ld+json", "image/svg+xml",
        "application/xml", "application/yaml", "application/x-ndjson",
    ])
    func textIsForZstandard(contentType: String) {
        #expect(CompressionMethod(suiting: contentType) == .zstd)
    }

    @Test(arguments: [
        "image/jpeg", "IMAGE/PNG", "image/webp; q=1", "video/mp4", "video/anything", "audio/mpeg",
        "audio/ogg",
        "application/zip", "application/gzip", "application/zstd", "application/x-7z-compressed",
        "application/epub+zip", "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.oasis.opendocument.text", "font/woff2", "application/vnd.android.package-archive",
    ])
    func whatIsCompressedStaysAsItIs(contentType: String) {
        #expect(CompressionMethod(suiting: contentType) == .none)
    }

    @Test(arguments: [
        "", "/", "nonsense", "application/octet-stream", "application/x-protobuf", "application/cbor",
        "image/bmp",
        "audio/wav", "font/ttf", "model/obj", "textual/plain", "application/jsonish",
    ])
    func everythingElseIsForLZ4(contentType: String) {
        #expect(CompressionMethod(suiting: contentType) == .lz4)
    }

    @Test func numbersOfTheWireAreKnownOrRefused() throws {
        for method in CompressionMethod.allCases {
            let payload = try CompressedPayload(method: UInt64(method.rawValue), byteCount: 5, bytes: [1])
            #expect(payload.method == method)
        }
        for number in [3, 255, 256, 257, UInt64.max] {
            #expect(throws: CompressionError.unknownMethod(number)) {
                try CompressedPayload(method: number, byteCount: 5, bytes: [1])
            }
        }
        #expect(try CompressedPayload(method: 1, byteCount: .max, bytes: [1]).byteCount == .max)
    }
}
