package import StarlingCore

/// A frame of `/starling/message/1` between two other nodes, or between this one and one that is not its neighbour.
///
/// Whoever carries it looks at who it is from and for and at how far it has come. It checks no signature: the one that
/// it is for does, and what a neighbour makes up costs that neighbour's share alone.
///
/// Spec: docs/specs/message.md, "Hops".
package struct TransitFrame: Equatable, Sendable {
    package let from: PeerID
    package let to: PeerID
    package let priority: MessagePriority
    /// What a neighbour's frame is known by when it comes again; `nil` for this node's own, and what is to everybody.
    package let fingerprint: MessageFingerprint?
    /// Whether it is a receipt.
    package let isReceipt: Bool
    /// What proves that a neighbour's receipt is one.
    package let proof: ReceiptProof?
    /// Whether it is a receipt or a settlement.
    package let isAnswer: Bool
    /// When it is of no more use; `nil` for receipts and settlements.
    package let expires: WallTime?
    /// Links that it has crossed before this node sends it on.
    package let hopCount: UInt32
    /// Links that it may cross.
    package let hopLimit: UInt32
    /// The frame with this hop count, and its length before it.
    package let wire: [UInt8]

    /// Links that anything may cross, whatever its sender allows; receipts and settlements have no other limit.
    package static let hopLimitMax: UInt32 = 10

    /// Links that it may still cross, the one to the next neighbour included.
    package var linkCountLeft: UInt32 { hopLimit - min(hopCount, hopLimit) }

    /// A message; `nil` when it is for everybody.
    ///
    /// - Parameter crossed: Links that it crossed on its way here and that are not counted yet: 1 for what a neighbour sent.
    package init?(_ envelope: Envelope, crossed: UInt32) {
        guard let to = envelope.header.to else { return nil }
        var counted = envelope
        counted.hopCount = envelope.hopCount.saturatingSum(crossed)
        from = envelope.header.from
        self.to = to
        priority = envelope.header.priority
        fingerprint = envelope.fingerprint
        (isReceipt, isAnswer, proof) = (false, false, nil)
        expires = envelope.header.expires
        hopCount = counted.hopCount
        hopLimit = min(UInt32(envelope.header.hopLimit), Self.hopLimitMax)
        wire = MessageFrame(.envelope, counted.encoded).encoded
    }

    /// A message of this node's own, in its encoded form.
    ///
    /// - Parameter hopLimit: What its header says.
    package init(
        own envelope: [UInt8],
        from: PeerID,
        to: PeerID,
        priority: MessagePriority,
        hopLimit: UInt8
    ) {
        self.from = from
        self.to = to
        self.priority = priority
        fingerprint = nil
        (isReceipt, isAnswer, proof) = (false, false, nil)
        // The outbox gives it up in time, and nobody carries it before its first neighbour.
        expires = nil
        hopCount = 0
        self.hopLimit = min(UInt32(hopLimit), Self.hopLimitMax)
        wire = MessageFrame(.envelope, envelope).encoded
    }

    /// A message to everybody, for one neighbour.
    package init(
        flood wire: [UInt8],
        to neighbour: PeerID,
        priority: MessagePriority,
        expires: WallTime
    ) {
        from = neighbour
        to = neighbour
        self.priority = priority
        // The flood recognises it, and knows how far it may go.
        fingerprint = nil
        (isReceipt, isAnswer, proof) = (false, false, nil)
        self.expires = expires
        (hopCount, hopLimit) = (0, 1)
        self.wire = wire
    }

    package init(_ receipt: Receipt, crossed: UInt32) {
        var counted = receipt
        counted.hopCount = receipt.hopCount.saturatingSum(crossed)
        self.init(
            .receipt,
            counted.encoded,
            from: receipt.from,
            to: receipt.to,
            hopCount: counted.hopCount,
            crossed > 0 ? receipt.fingerprint : nil,
            crossed > 0 ? receipt.proof : nil
        )
    }

    package init(_ settlement: Settlement, crossed: UInt32) {
        var counted = settlement
        counted.hopCount = settlement.hopCount.saturatingSum(crossed)
        self.init(
            .settlement,
            counted.encoded,
            from: settlement.from,
            to: settlement.to,
            hopCount: counted.hopCount,
            crossed > 0 ? settlement.fingerprint : nil
        )
    }

    private init(
        _ kind: MessageFrame.Kind,
        _ bytes: [UInt8],
        from: PeerID,
        to: PeerID,
        hopCount: UInt32,
        _ fingerprint: MessageFingerprint?,
        _ proof: ReceiptProof? = nil
    ) {
        self.from = from
        self.to = to
        // A sender's window stands still until they are there.
        priority = .high
        (self.fingerprint, expires) = (fingerprint, nil)
        (isReceipt, isAnswer, self.proof) = (kind == .receipt, true, proof)
        self.hopCount = hopCount
        hopLimit = Self.hopLimitMax
        wire = MessageFrame(kind, bytes).encoded
    }
}

extension UInt32 {
    fileprivate func saturatingSum(_ other: UInt32) -> UInt32 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
