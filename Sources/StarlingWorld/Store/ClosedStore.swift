package import StarlingCore

/// The store of a world that was given none: every call fails with ``StoreError/closed``.
package struct ClosedStore: Store {
    private let loop: any EventLoop

    package init(loop: any EventLoop) { self.loop = loop }

    package var report: StoreReport { StoreReport() }

    package func commit(_ batch: StoreBatch, _ completion: @escaping @Sendable (StoreError?) -> Void) {
        loop.startTask { completion(.closed) }
    }

    package func read(
        _ key: StoreKey,
        _ completion: @escaping @Sendable (Result<[UInt8]?, StoreError>) -> Void
    ) {
        loop.startTask { completion(.failure(.closed)) }
    }

    package func scan(
        _ scan: StoreScan,
        _ completion: @escaping @Sendable (Result<[StoreRow], StoreError>) -> Void
    ) {
        loop.startTask { completion(.failure(.closed)) }
    }

    package func close(_ completion: @escaping @Sendable () -> Void) {
        loop.startTask { completion() }
    }
}
