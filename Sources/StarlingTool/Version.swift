/// Which release this is.
enum Version {
    static let number = "0.1.0"
    static let line = "starling \(number)\n"
    static let json = #"{"version":"\#(number)"}"# + "\n"
}
