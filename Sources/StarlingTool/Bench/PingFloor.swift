internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingProtocols

/// The round trip that this machine gives: the same payload over a plain TCP socket between the same two processes,
/// with nothing of a node in the way.
///
/// Most of it is the time in which the system wakes a process.
enum PingFloor {
    /// Sends everything back until the other end closes.
    static func serve(_ listener: borrowing LoopbackSocket) throws(Diagnostic) {
        let socket = try listener.accepted()
        let block = Buffer(byteCount: Ping.payloadByteCount)
        let range = 0..<Ping.payloadByteCount
        while try socket.read(block, range, isWhole: true) == range.count { try socket.write(block, range) }
    }

    /// The median round trip in seconds.
    static func measure(port: UInt16, count: Int) throws(Diagnostic) -> Double {
        let socket = try LoopbackSocket.connected(to: port)
        let block = Buffer(byteCount: Ping.payloadByteCount)
        block.fillWithZeros()
        let range = 0..<Ping.payloadByteCount
        var trips: [Double] = []
        trips.reserveCapacity(count)
        for _ in 0..<count {
            let start = BenchClock.seconds
            try socket.write(block, range)
            guard try socket.read(block, range, isWhole: true) == range.count else { break }
            trips.append(BenchClock.seconds - start)
        }
        guard !trips.isEmpty else {
            throw Diagnostic(code: "bench_failed", message: "the plain socket echoes nothing.", nextStep: "")
        }
        return trips.sorted()[trips.count / 2]
    }
}
