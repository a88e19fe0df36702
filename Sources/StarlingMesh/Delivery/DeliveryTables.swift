package import StarlingCore

/// The tables in which the machines of delivery keep their state.
///
/// A table's number grows when its rows get a form that earlier versions cannot read; fields that they do not know
/// they skip.
package enum DeliveryTables {
    /// What is owed to others, and what became of it, in the order of acceptance.
    package static let outbox = StoreTable("outbox_1", .numbers)
    /// The count of each recipient and priority.
    package static let lanes = StoreTable("outbox_lane_1", .names)
    /// What has arrived and was not acknowledged, in the order of arrival.
    package static let inbox = StoreTable("inbox_1", .numbers)
    /// Row 1: the position up to which entries may have been, so that a position never means another entry.
    package static let inboxCounter = StoreTable("inbox_counter_1", .numbers)
    /// What has arrived and waits for its file, in the order of arrival.
    package static let held = StoreTable("inbox_held_1", .numbers)
    /// How often an entry was handed out, when it was again after its arrival.
    package static let attempts = StoreTable("inbox_attempt_1", .numbers)
    /// What is known of each sender's numbers.
    package static let series = StoreTable("inbox_series_1", .names)
    /// Messages to everybody that have come, by their senders and ids.
    package static let broadcasts = StoreTable("inbox_broadcast_1", .names)
    /// Receipts that were not confirmed, those of one batch in one row.
    package static let owed = StoreTable("inbox_owed_1", .numbers)

    /// The last position that a row is taken from: far beyond what anyone counts to, and far from overflowing.
    static let positionMax: UInt64 = 1 << 61

    /// The tables of ``Outbox``, in the order in which they are restored.
    package static let ofOutbox = [lanes, outbox]
    /// The tables of ``Inbox``, in the order in which they are restored.
    package static let ofInbox = [inboxCounter, series, owed, held, attempts, broadcasts, inbox]
}

/// Why a row was not restored.
package enum DeliveryRowError: Error, Equatable, Sendable {
    /// It is not a row of its form.
    case malformed(ProtobufError)
    /// It belongs to a table that the machine does not have.
    case unknownTable
    /// It contradicts a row that was restored before.
    case inconsistent
}
