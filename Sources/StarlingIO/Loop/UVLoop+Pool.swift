internal import CUV
internal import StarlingWorld

extension UVLoop {
    /// Runs blocking work on libuv's thread pool.
    ///
    /// `completion` is called on this loop, `isDone` false where the work did not run because the pool is full or the
    /// loop ends.
    func runOnPool(
        _ work: @escaping @Sendable () -> Void,
        completion: @escaping @Sendable (_ isDone: Bool) -> Void
    ) {
        precondition(isCurrent)
        guard !isEnding else { return completion(false) }
        let request = UnsafeMutablePointer<uv_work_t>.allocate(capacity: 1)
        request.initialize(to: uv_work_t())
        request.pointee.data = Unmanaged.passRetained(PoolWork(loop: self, work, completion)).toOpaque()
        let status = uv_queue_work(
            uv,
            request,
            { PoolWork.of($0?.pointee.data).work() },
            { request, status in
                guard let request else { return }
                let work = PoolWork.of(request.pointee.data)
                Unmanaged.passUnretained(work).release()
                request.deallocate()
                work.completion(status == 0)
                work.loop.finishTurn()
            }
        )
        guard status != 0 else { return }
        Unmanaged.passUnretained(PoolWork.of(request.pointee.data)).release()
        request.deallocate()
        completion(false)
    }
}

/// One piece of work for libuv's thread pool.
private final class PoolWork {
    let loop: UVLoop
    let work: @Sendable () -> Void
    let completion: @Sendable (Bool) -> Void

    init(
        loop: UVLoop,
        _ work: @escaping @Sendable () -> Void,
        _ completion: @escaping @Sendable (Bool) -> Void
    ) {
        self.loop = loop
        self.work = work
        self.completion = completion
    }

    static func of(_ data: UnsafeMutableRawPointer?) -> PoolWork {
        guard let data else { preconditionFailure("a request without its work") }
        return Unmanaged<PoolWork>.fromOpaque(data).takeUnretainedValue()
    }
}
