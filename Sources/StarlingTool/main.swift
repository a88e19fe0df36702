internal import StarlingCommandLine

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

exit(Starling(words: Array(CommandLine.arguments.dropFirst())).run().rawValue)
