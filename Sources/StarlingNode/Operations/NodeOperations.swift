/// What the API asks of a node.
///
/// The node's facade satisfies it; tests satisfy it with a stand-in.
///
/// Every operation ends when its task is cancelled, with ``NodeFailure/Code/stopping``.
package protocol NodeOperations: Sendable {
    func identity() async throws(NodeFailure) -> NodeIdentity
    func status() async throws(NodeFailure) -> NodeStatus

    /// The peers that the node knows, the connected ones first, then by PeerID.
    func peers() async throws(NodeFailure) -> [PeerSummary]

    /// How the peers are reached that are, by PeerID.
    func routes() async throws(NodeFailure) -> [RouteSummary]

    /// Asks hop by hop for the way that messages to a peer take; one that is neither connected nor reached over others is dialled.
    func trace(_ request: TraceRequest) async throws(NodeFailure) -> TraceReport

    /// What the node keeps for others, and others for it.
    func mailbox() async throws(NodeFailure) -> MailboxSummary

    /// Connects to a peer, or finds that it is connected already.
    func connect(_ request: ConnectRequest) async throws(NodeFailure) -> PeerSummary

    /// Measures round trips. Pings that are lost are counted, not thrown, unless the first cannot be sent.
    func ping(_ request: PingRequest) async throws(NodeFailure) -> PingReport

    /// Accepts a message and waits for its receipt no longer than the request says.
    ///
    /// A message that is accepted and not delivered in that time is queued, and that is no failure.
    func send(_ message: OutgoingMessage) async throws(NodeFailure) -> SendReport

    /// Sends a message to every node that can be reached; nobody gives a receipt for it.
    func broadcast(_ message: OutgoingBroadcast) async throws(NodeFailure) -> BroadcastReport

    /// What is known of a message that was sent, once it is settled, or else after `timeout`.
    func message(_ id: String, settledWithin timeout: Duration) async throws(NodeFailure) -> MessageStatus

    /// Messages that were accepted: those that are not settled, or those that are.
    func outbox(_ query: OutboxQuery) async throws(NodeFailure) -> OutboxPage

    /// Messages received and not taken, by position. At least one if there is one, then no more than the
    /// query's limits. Where there is none, it waits for one as long as the query says.
    func inbox(_ query: InboxQuery) async throws(NodeFailure) -> InboxPage

    /// Acknowledges messages without files; how many of them were there.
    ///
    /// What has a file stays until that was saved, or is not wanted: ``saveFile(_:)``.
    func takeInbox(_ take: InboxTake) async throws(NodeFailure) -> Int

    /// Writes the file of a message out, and acknowledges the message where that is asked for.
    func saveFile(_ request: FileSaveRequest) async throws(NodeFailure) -> FileSaved

    /// Begins to stop the node and returns.
    func shutdown() async throws(NodeFailure)
}
