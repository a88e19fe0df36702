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
        private var lastPosition: UInt64 = 0

        init(node: Node) { self.node = node }

        /// The next message; `nil` when the node has stopped or the task was cancelled.
        public mutating func next() async -> Message? {
            let delivery = node.node.delivery
            while !Task.isCancelled {
                if let position = await delivery.nextWaiting(after: lastPosition) {
                    lastPosition = position
                    // Another reader may have been quicker.
                    if let taken = await delivery.take(position) { return Message(taken, node: node) }
                } else {
                    guard await delivery.arrival(after: lastPosition) else { return nil }
                    // What is there now and has a reader is not for this one.
                    if await delivery.nextWaiting(after: lastPosition) == nil {
                        lastPosition = await delivery.lastPosition(after: lastPosition)
                    }
                }
            }
            return nil
        }
    }
}
