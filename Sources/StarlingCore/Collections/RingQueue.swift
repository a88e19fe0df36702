/// A first-in, first-out queue that keeps its memory.
///
/// Both ends cost O(1) and allocate nothing once the queue has grown to its working size. It has no limit
/// of its own: whoever owns it checks ``count`` against a limit before appending.
@usableFromInline package struct RingQueue<Element> {
    @usableFromInline var slots: [Element?] = []
    @usableFromInline var head = 0
    @usableFromInline var elementCount = 0

    @inlinable package init() {}

    /// How many elements there are.
    @inlinable package var count: Int { elementCount }

    @inlinable package var isEmpty: Bool { elementCount == 0 }

    @inlinable package var first: Element? { elementCount == 0 ? nil : slots[head] }

    /// The element at a position counted from the front.
    ///
    /// - Precondition: the position lies within the queue.
    @inlinable package subscript(position: Int) -> Element {
        get {
            precondition(position >= 0 && position < count)
            guard let element = slots[slot(position)] else {
                preconditionFailure("a slot within the queue is empty")
            }
            return element
        }
        set {
            precondition(position >= 0 && position < count)
            slots[slot(position)] = newValue
        }
    }

    @inlinable package mutating func append(_ element: Element) {
        if count == slots.count { grow() }
        slots[slot(count)] = element
        elementCount += 1
    }

    @inlinable package mutating func prepend(_ element: Element) {
        if count == slots.count { grow() }
        head = (head - 1) & (slots.count - 1)
        slots[head] = element
        elementCount += 1
    }

    @inlinable package mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = slots[head].take()
        head = (head + 1) & (slots.count - 1)
        elementCount -= 1
        return element
    }

    /// Removes all elements, and the memory too: an idle owner holds nothing.
    @inlinable package mutating func removeAll() {
        self = RingQueue()
    }

    @inlinable func slot(_ position: Int) -> Int { (head + position) & (slots.count - 1) }

    /// The slots are a power of two, so that a position is a mask away from its slot.
    @inlinable mutating func grow() {
        var larger: [Element?] = []
        larger.reserveCapacity(max(4, slots.count * 2))
        for position in 0..<count { larger.append(slots[slot(position)].take()) }
        larger.append(contentsOf: repeatElement(nil, count: max(4, slots.count * 2) - count))
        slots = larger
        head = 0
    }
}

extension RingQueue: Sendable where Element: Sendable {}
