internal import StarlingNode

/// Which release this is.
enum Version {
    static let number = NodeVersion.text
    static let line = "starling \(number)\n"
    static let json = #"{"version":"\#(number)"}"# + "\n"
}
