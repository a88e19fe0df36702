internal import StarlingNode

/// The messages that arrive at a node and have no handler, in order.
///
/// One that the disk does not give back is passed over: ``Node/damagedMessages`` has it.
public struct Messages: AsyncSequence, Sendable {
    /// A message that has arrived.
    public typealias Element = Message
    /// The sequence ends; it does not fail.
    public typealias Failure = Never

    let node: Node

    /// A reader that begins with the oldest message that nobody has.
    public func makeAsyncIterator() -> Iterator { Iterator(node: node) }

    /// One reader's place in the inbox.
    public struct Iterator: AsyncIteratorProtocol {
        let node: Node
        private var place = InboxPlace()

        init(node: Node) { self.node = node }

        /// The next message; `nil` when the node has stopped or the task was cancelled.
        public mutating func next() async -> Message? {
            guard let next = await node.node.delivery.next(place) else { return nil }
            place = next.place
            return Message(next.delivery, node: node)
        }
    }
}
