internal import CMicrohttpd
internal import StarlingAPI
internal import StarlingWorld
internal import Synchronization

/// Where libmicrohttpd's thread leaves requests and the node's loop takes them up.
///
/// The library's callbacks carry a pointer to it; it lives until the library has stopped.
final class HTTPRequestDesk: Sendable {
    private struct State {
        var tasks: [UInt64: Task<Void, Never>] = [:]
        var numberNext: UInt64 = 0
        var exchangeCount = 0
        var isStopping = false
    }

    let limits: HTTPServerLimits
    private let responder: any APIResponder
    private let loop: any EventLoop
    private let state = Mutex(State())

    init(responder: any APIResponder, loop: any EventLoop, limits: HTTPServerLimits) {
        self.responder = responder
        self.loop = loop
        self.limits = limits
    }

    /// Requests that have begun and not ended.
    var exchangeCount: Int { state.withLock { $0.exchangeCount } }

    func exchangeDidBegin() { state.withLock { $0.exchangeCount += 1 } }
    func exchangeDidEnd() { state.withLock { $0.exchangeCount -= 1 } }

    /// Starts the work on a request; its connection is suspended.
    ///
    /// False where the server is stopping.
    func start(_ request: APIRequest, for exchange: HTTPExchange) -> Bool {
        // Under the lock, so that the task stands in the table before it can end, and before stop() looks.
        state.withLock { state in
            if state.isStopping { return false }
            state.numberNext += 1
            let number = state.numberNext
            state.tasks[number] = loop.startTask { [self] in
                exchange.answer(await response(to: request, for: exchange))
                taskDidEnd(number)
            }
            return true
        }
    }

    /// The answer; the work on it is cancelled when the client goes away before.
    private func response(to request: APIRequest, for exchange: HTTPExchange) async -> APIResponse {
        await withTaskGroup(of: APIResponse?.self) { [self] group in
            group.addTask { [responder] in await responder.respond(to: request) }
            group.addTask { await self.waitForAbsence(of: exchange) }
            var response: APIResponse?
            while let ended = await group.next() {
                group.cancelAll()
                if let ended { response = ended }
            }
            return response ?? .stopping
        }
    }

    /// Returns when the client has gone, or the task is cancelled.
    private func waitForAbsence(of exchange: HTTPExchange) async -> APIResponse? {
        repeat {
            do throws(CancellationError) { try await loop.sleep(for: limits.absenceCheckInterval) } catch {
                break
            }
        } while !exchange.isAbandoned
        return nil
    }

    /// Takes no further requests, cancels the work on those at hand, and waits until each has its answer.
    func stop() async {
        state.withLock { $0.isStopping = true }
        while let task = state.withLock({ $0.tasks.first?.value }) {
            cancelAll()
            await task.value
        }
    }

    private func cancelAll() {
        for task in state.withLock({ Array($0.tasks.values) }) { task.cancel() }
    }

    private func taskDidEnd(_ number: UInt64) {
        state.withLock { $0.tasks[number] = nil }
    }
}
