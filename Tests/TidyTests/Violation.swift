/// One breach of a house rule.
struct Violation: Equatable, CustomStringConvertible {
    /// The rules, by what they look at.
    enum Rule: String {
        case importTable
        case bannedText
        case trap
        case typeName
        case folderName
        case fileLength
        case hostPath
        case heading
        case link
        case example
        case fileName
        case emptyWaiver
    }

    let rule: Rule
    let path: String
    /// Counted from 1.
    let line: Int
    let message: String

    var description: String { "\(path):\(line): \(message) [\(rule.rawValue)]" }
}
