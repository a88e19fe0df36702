package import StarlingCore

/// The tables in which the machines of mailboxes keep their state; see ``DeliveryTables`` for how they change.
package enum MailboxTables {
    /// What is kept for others, in the order in which it came.
    package static let shelf = StoreTable("mailbox_1", .numbers)
    /// Which mailboxes may have a copy of each of this node's messages, by the message's id.
    package static let copies = StoreTable("mailbox_copy_1", .names)
    /// Which mailboxes peers have, by the peer.
    package static let lists = StoreTable("mailbox_list_1", .names)
}
