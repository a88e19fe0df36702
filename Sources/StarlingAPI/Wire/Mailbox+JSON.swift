package import StarlingCore
package import StarlingNode

extension MailboxSummary: APIValue {
    package var json: JSON {
        JSON(
            members: [
                ("keeps_for", .string(policy.rawValue)), ("served", .array(served.map { JSON($0) })),
            ] + kept.members("messages") + [
                ("sender_quota", senderQuota.json), ("recipient_quota", recipientQuota.json),
                ("max_age_ms", JSON(milliseconds: ageMax)),
                ("displaced", JSON(displacedCount)), ("holdings", .array(holdings.map(\.json))),
                ("more_holdings", JSON(moreHoldingCount)), ("mailboxes", .array(mailboxes.map(\.json))),
                ("copies", .array(copies.map(\.json))), ("more_copies", JSON(moreCopyCount)),
            ]
        )
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            policy: try fields.word("keeps_for"),
            served: try fields.peerIDs("served"),
            kept: try Occupancy(fields, "messages"),
            senderQuota: try Quota(fields.object("sender_quota")),
            recipientQuota: try Quota(fields.object("recipient_quota")),
            ageMax: try fields.milliseconds("max_age_ms"),
            displacedCount: try fields.count("displaced"),
            holdings: try fields.list("holdings") { (json, path) throws(JSONShapeError) in
                try Holding(json, path: path)
            },
            moreHoldingCount: try fields.count("more_holdings"),
            mailboxes: try fields.list("mailboxes") { (json, path) throws(JSONShapeError) in
                try Mailbox(json, path: path)
            },
            copies: try fields.list("copies") { (json, path) throws(JSONShapeError) in
                try Copy(json, path: path)
            },
            moreCopyCount: try fields.count("more_copies")
        )
    }
}

extension MailboxSummary.Quota: APIValue {
    package var json: JSON { ["messages": JSON(messageCount), "bytes": JSON(byteCount)] }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(messageCount: try fields.count("messages"), byteCount: try fields.count("bytes"))
    }
}

extension MailboxSummary.Holding: APIValue {
    package var json: JSON {
        [
            "to": JSON(recipient), "from": JSON(sender), "messages": JSON(messageCount),
            "bytes": JSON(byteCount), "oldest_age_ms": JSON(milliseconds: oldestAge),
            "longest_rest_ms": JSON(milliseconds: longestRest),
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            recipient: try fields.peerID("to"),
            sender: try fields.peerID("from"),
            messageCount: try fields.count("messages"),
            byteCount: try fields.count("bytes"),
            oldestAge: try fields.milliseconds("oldest_age_ms"),
            longestRest: try fields.milliseconds("longest_rest_ms")
        )
    }
}

extension MailboxSummary.Mailbox: APIValue {
    package var json: JSON {
        [
            "peer_id": JSON(peerID), "addrs": .array(addresses.map { JSON($0) }),
            "connected": .bool(isConnected), "penalty_end_ms": JSON(optional: penaltyEnd),
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            peerID: try fields.peerID("peer_id"),
            addresses: try fields.multiaddrs("addrs"),
            isConnected: try fields.bool("connected"),
            penaltyEnd: try fields.wallTimeIfAny("penalty_end_ms")
        )
    }
}

extension MailboxSummary.Copy: APIValue {
    package var json: JSON {
        [
            "id": .string(messageID), "to": JSON(to), "mailbox": JSON(mailbox),
            "stored_ms": JSON(optional: stored), "ended": .bool(isEnded),
        ]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(
            messageID: try fields.text("id"),
            to: try fields.peerID("to"),
            mailbox: try fields.peerID("mailbox"),
            stored: try fields.wallTimeIfAny("stored_ms"),
            isEnded: try fields.bool("ended")
        )
    }
}

extension StoredCopy: APIValue {
    package var json: JSON {
        ["peer_id": JSON(mailbox), "stored_ms": JSON(stored.millisecondsSince1970)]
    }

    package init(_ fields: JSONFields) throws(JSONShapeError) {
        self.init(mailbox: try fields.peerID("peer_id"), stored: try fields.wallTime("stored_ms"))
    }
}
