internal import CSys
package import StarlingCore
package import StarlingWorld
internal import Synchronization

/// The system's resolver, on libuv's thread pool.
package final class SystemResolver: Resolver {
    /// Lookups that wait for the pool's few threads.
    ///
    /// Beyond that a lookup is refused: a peer's multiaddrs can ask for any number of names.
    package static let lookupCountMax = 64
    /// Lookups that the pool's threads do at a time; the others wait.
    ///
    /// A name whose server does not answer keeps a thread for many seconds, and files need the pool, too.
    private static let runningCountMax = 2
    /// Bytes of TXT answers of one name that are kept.
    private static let textByteCountMax = 65_536

    private struct Queue: Sendable {
        /// Lookups that run or wait.
        var lookupCount = 0
        var runningCount = 0
        var waiting = RingQueue<@Sendable () -> Void>()
    }

    private let loop: UVLoop
    private let queue = Mutex(Queue())

    /// - Parameter loop: the loop that hands the work to the pool.
    package init(loop: UVLoop) { self.loop = loop }

    package func addresses(
        of host: String,
        family: AddressFamily
    ) async throws(ResolverError) -> [IPAddress] {
        try Self.check(host)
        let kind =
            switch family {
            case .any: CSYS_NONE
            case .ipv4: CSYS_IPV4
            case .ipv6: CSYS_IPV6
            }
        return try await run {
            var found = [csys_address](repeating: csys_address(), count: ResolverLimits.answerCountMax)
            let count = csys_lookup_addresses(host, Int32(kind), &found, Int32(found.count))
            if let error = Self.error(count) { return .failure(error) }
            return .success(found.prefix(Int(count)).compactMap(IPAddress.init(systemForm:)))
        }
    }

    package func texts(of name: String) async throws(ResolverError) -> [String] {
        try Self.check(name)
        return try await run {
            var answer = [UInt8](repeating: 0, count: Self.textByteCountMax)
            let count = csys_lookup_texts(name, &answer, answer.count, Int32(ResolverLimits.answerCountMax))
            if let error = Self.error(count) { return .failure(error) }
            let texts = Self.split(answer.prefix(Int(count)))
            return texts.isEmpty ? .failure(.notFound) : .success(texts)
        }
    }

    /// The texts of a DNS answer, as ``texts(of:)`` reads it.
    ///
    /// For tests.
    package static func texts(inAnswer answer: [UInt8]) throws(ResolverError) -> [String] {
        var texts = [UInt8](repeating: 0, count: textByteCountMax)
        let count = csys_parse_texts(
            answer,
            answer.count,
            &texts,
            texts.count,
            Int32(ResolverLimits.answerCountMax)
        )
        if let error = error(count) { throw error }
        return split(texts.prefix(Int(count)))
    }

    /// Refuses what the name system could not hold, before it reaches C.
    private static func check(_ name: String) throws(ResolverError) {
        let bytes = name.utf8
        guard !bytes.isEmpty, bytes.count <= 253, !bytes.contains(where: { $0 <= 0x20 || $0 == 0x7f }) else {
            throw .invalidName
        }
    }

    private static func error(_ code: Int32) -> ResolverError? {
        switch Int(code) {
        case 0...: nil
        case CSYS_NOT_FOUND: .notFound
        case CSYS_TRY_AGAIN: .unavailable("no name server answered")
        case CSYS_INVALID_NAME: .invalidName
        default: .unavailable("the name server failed")
        }
    }

    /// Texts as CSys packs them: a length of 16 bits in host order before each.
    private static func split(_ packed: ArraySlice<UInt8>) -> [String] {
        var texts: [String] = []
        var rest = packed
        while rest.count >= 2 {
            let length = rest.prefix(2).withUnsafeBytes { Int($0.loadUnaligned(as: UInt16.self)) }
            texts.append(String(decoding: rest.dropFirst(2).prefix(length), as: UTF8.self))
            rest = rest.dropFirst(2 + length)
        }
        return texts
    }

    /// Runs a lookup on the pool.
    ///
    /// Cancelling leaves it to run there to its end and drops its answer.
    private func run<Value: Sendable>(
        _ lookup: @escaping @Sendable () -> Result<Value, ResolverError>
    ) async throws(ResolverError) -> Value {
        let answer = Answer<Value>()
        let isTaken = enqueue { [self] in
            loop.runOnPool {
                // Nobody waits for it any more.
                if !answer.isGiven { answer.give(lookup()) }
            } completion: { [self] isDone in
                if !isDone { answer.give(.failure(.cancelled)) }
                lookupEnded()
            }
        }
        guard isTaken else { throw .unavailable("too many lookups at a time") }
        let result = await withTaskCancellationHandler {
            await answer.wait()
        } onCancel: {
            answer.give(.failure(.cancelled))
        }
        return try result.get()
    }

    /// Begins a lookup on the loop, or has it wait for others; `false` where too many do.
    private func enqueue(_ begin: @escaping @Sendable () -> Void) -> Bool {
        let (isTaken, mayBegin) = queue.withLock { queue in
            guard queue.lookupCount < Self.lookupCountMax else { return (false, false) }
            queue.lookupCount += 1
            guard queue.runningCount < Self.runningCountMax else {
                queue.waiting.append(begin)
                return (true, false)
            }
            queue.runningCount += 1
            return (true, true)
        }
        if mayBegin { loop.startTask { begin() } }
        return isTaken
    }

    private func lookupEnded() {
        let next: (@Sendable () -> Void)? = queue.withLock { queue in
            queue.lookupCount -= 1
            let next = queue.waiting.popFirst()
            if next == nil { queue.runningCount -= 1 }
            return next
        }
        next?()
    }
}

/// A place for one result, the first that is given.
private final class Answer<Value: Sendable>: Sendable {
    private enum State {
        case open
        case awaited(CheckedContinuation<Result<Value, ResolverError>, Never>)
        case given(Result<Value, ResolverError>)
    }

    private let state = Mutex(State.open)

    func give(_ result: Result<Value, ResolverError>) {
        let waiter = state.withLock { state -> CheckedContinuation<Result<Value, ResolverError>, Never>? in
            switch state {
            case .given: return nil
            case .open:
                state = .given(result)
                return nil
            case .awaited(let continuation):
                state = .given(result)
                return continuation
            }
        }
        waiter?.resume(returning: result)
    }

    var isGiven: Bool {
        state.withLock { state in
            if case .given = state { true } else { false }
        }
    }

    func wait() async -> Result<Value, ResolverError> {
        await withCheckedContinuation { continuation in
            let known = state.withLock { state -> Result<Value, ResolverError>? in
                if case .given(let result) = state { return result }
                state = .awaited(continuation)
                return nil
            }
            if let known { continuation.resume(returning: known) }
        }
    }
}
