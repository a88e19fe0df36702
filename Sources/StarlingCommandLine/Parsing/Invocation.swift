/// A command line that has been understood: a command, its arguments and the typed values of its flags.
package struct Invocation: Sendable {
    package var command: Command
    /// Positional arguments in order, each accepted by its ``ArgumentSpec``.
    package var arguments: [String]
    /// The accepted values by flag name, in the order given; a switch that is on has one empty value.
    var values: [String: [String]]
    /// Whether help was asked for, in which case arguments may be missing.
    package var wantsHelp: Bool

    /// Whether the switch is on.
    package subscript(flag: Flag<Bool>) -> Bool {
        values[flag.spec.name] != nil
    }

    /// Whether the flag was given, whatever its value.
    package func names(_ flag: FlagSpec) -> Bool { values[flag.name] != nil }

    /// The last value given for the flag, if any.
    package subscript<Value>(flag: Flag<Value>) -> Value? {
        values[flag.spec.name]?.last.flatMap(flag.read)
    }

    /// All values given for a flag that may be repeated, in order.
    package func all<Value>(_ flag: Flag<Value>) -> [Value] {
        (values[flag.spec.name] ?? []).compactMap(flag.read)
    }

    /// The argument at `index`, if it was given.
    package func argument(_ index: Int) -> String? {
        index < arguments.count ? arguments[index] : nil
    }
}
