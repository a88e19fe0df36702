package import StarlingCore
package import StarlingWorld

/// One call of a ``Store``, waiting for its turn.
package enum StoreCall: Sendable {
    case commit(StoreBatch, @Sendable (StoreError?) -> Void)
    case read(StoreKey, @Sendable (Result<[UInt8]?, StoreError>) -> Void)
    case scan(StoreScan, @Sendable (Result<[StoreRow], StoreError>) -> Void)
    case close(@Sendable () -> Void)

    /// Tells the caller that it did not happen.
    package func fail(_ error: StoreError) -> @Sendable () -> Void {
        switch self {
        case .commit(_, let completion): { completion(error) }
        case .read(_, let completion): { completion(.failure(error)) }
        case .scan(_, let completion): { completion(.failure(error)) }
        case .close(let completion): completion
        }
    }
}

extension StoreBatch {
    /// Bytes of its values.
    var byteCount: Int {
        var sum = 0
        for case .put(_, let value) in changes { sum += value.count }
        return sum
    }

    /// Whether a value is too long.
    var isTooLarge: Bool {
        for case .put(_, let value) in changes where value.count > StoreLimits.valueByteCountMax {
            return true
        }
        return false
    }
}
