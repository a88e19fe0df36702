internal import StarlingAPI
internal import StarlingCommandLine

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Standard input, for a message's text.
enum StandardInput {
    /// The largest payload of a message.
    private static let byteCountMax = 1 << 20

    /// Everything up to the end of input.
    static func readAll() throws(Diagnostic) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(STDIN_FILENO, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= byteCountMax else {
                throw Diagnostic(
                    code: "too_large",
                    message:
                        "standard input holds more than \(ByteCountText.write(byteCountMax)), a message's most.",
                    nextStep: "Send it as a file: --file PATH"
                )
            }
        }
    }
}
