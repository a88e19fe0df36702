import Foundation
import StarlingCore
import Testing

/// The test vectors of one of docs/specs: lines of a name and a value, which may go on over lines that are indented.
struct SpecVectors {
    private let path: String
    private let lines: Set<String>

    /// - Parameter name: the specification's, without its ending.
    init(of name: String) throws {
        path = "docs/specs/\(name).md"
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<3 { root.deleteLastPathComponent() }
        let text = try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
        var lines: [String] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix(" "), let last = lines.last, !last.isEmpty {
                lines[lines.count - 1] += line.drop { $0 == " " }
            } else {
                lines.append(String(line))
            }
        }
        self.lines = Set(lines)
    }

    /// Expects the specification to have this vector.
    func expect(_ name: String, _ value: String, sourceLocation: SourceLocation = #_sourceLocation) {
        let line = "\(name): \(value)"
        #expect(lines.contains(line), "\(path) has no line: \(line)", sourceLocation: sourceLocation)
    }

    func expect(_ name: String, _ value: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) {
        expect(name, Hex.encode(value), sourceLocation: sourceLocation)
    }
}
