/// The sizes and times of the simulated operating systems' network stacks.
package struct NetworkLimits: Sendable {
    /// Bytes of one direction of a stream that its writer is rid of and its reader has not read: the
    /// sender's and the receiver's kernel buffers together.
    ///
    /// Beyond it a writer queues.
    package var streamByteCountMax = 262_144
    /// The most bytes that one event of a stream carries.
    package var segmentByteCountMax = 65_536
    /// How long a connection attempt waits for an answer before it fails: what Linux does by default.
    package var connectTimeout = Duration.seconds(127)
    /// How long an established stream repeats what nobody acknowledges before it fails.
    package var retransmissionTimeout = Duration.seconds(924)
    /// The first pause before a lost segment is repeated; it doubles with each loss in a row.
    package var retransmissionDelay = Duration.milliseconds(200)
    package var retransmissionDelayMax = Duration.seconds(120)
    /// Connections that wait to be adopted, per host; more are refused.
    package var unclaimedCountMax = 4096
    /// The largest payload of a datagram; a larger one is refused to its sender.
    package var datagramByteCountMax = 65_507

    package init() {}
}

/// How a stream's bytes are cut into reads.
package enum StreamChunking: Sendable, Equatable {
    /// As they were written: one read for the bytes that left together.
    case whole
    /// Cut at places that the seed chooses, at most so many bytes at a time: finds parsers that hope for
    /// whole messages.
    case seeded(byteCountMax: Int)
}
