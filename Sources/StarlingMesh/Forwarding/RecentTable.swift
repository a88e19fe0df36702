internal import StarlingCore

/// Values by their keys, of which the key that came first is forgotten when there are too many.
package struct RecentTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    package let countMax: Int
    private var values: [Key: Value] = [:]
    /// The keys in the order of their coming.
    private var order = RingQueue<Key>()

    package init(countMax: Int) { self.countMax = countMax }

    package var count: Int { values.count }

    package subscript(key: Key) -> Value? { values[key] }

    /// Keeps a value in place of the one before; the key's age stays what it was.
    package mutating func set(_ value: Value, for key: Key) {
        if values.updateValue(value, forKey: key) != nil { return }
        order.append(key)
        if order.count > countMax, let oldest = order.popFirst() { values[oldest] = nil }
    }
}
