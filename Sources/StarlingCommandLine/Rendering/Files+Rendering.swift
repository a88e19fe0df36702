internal import StarlingCore
package import StarlingNode

extension FileStatus {
    /// How much of it has arrived, in percent; an empty file is there as soon as it is known.
    var percent: Int { byteCount == 0 ? 100 : Int(Double(arrivedByteCount) / Double(byteCount) * 100) }

    /// `430 MiB of 1 GiB (42 %), 312 MiB a second`.
    var progressText: String {
        let size = ByteCountText.write(Int(byteCount))
        guard arrivedByteCount < byteCount else { return size }
        var text = "\(ByteCountText.write(Int(arrivedByteCount))) of \(size) (\(percent) %)"
        if bytesPerSecond > 0 { text += ", \(ByteCountText.write(Int(bytesPerSecond))) a second" }
        return text
    }

    /// One line for a terminal, without its end: a bar that fills, and the figures.
    package func renderBar(label: String) -> String {
        let width = 24
        let full = min(width, percent * width / 100)
        let bar = String(repeating: "#", count: full) + String(repeating: "-", count: width - full)
        return "\(TerminalText.oneLine(label)) [\(bar)] \(progressText)"
    }
}

extension IncomingMessage {
    /// One line: from whom, what, and how far it is.
    func render(_ style: TextStyle) -> String {
        let name = TerminalText.oneLine(file.name ?? "a file")
        let head = style.yellow("on its way") + "  \(received.rfc3339)  from \(from.base58)\n"
        let reason = file.obstacle.map { "  " + TerminalText.oneLine($0.message) + "\n" } ?? ""
        return head + "  \(name): \(file.progressText)\n" + reason
    }
}

extension FileSaved {
    /// One line: where it is, or that it is gone.
    package func render(_ style: TextStyle) -> String {
        let size = ByteCountText.write(Int(byteCount))
        guard let path else { return style.yellow("erased") + " a file of \(size)\n" }
        return style.green("saved") + " \(size) as \(TerminalText.oneLine(path))\n"
    }
}
