package import StarlingCore
package import StarlingCrypto

/// What one node says of a member of the mesh.
///
///     message Claim { bytes peer = 1; uint32 state = 2; uint64 incarnation = 3; uint32 age_s = 4;
///                     uint32 uptime_s = 5; uint32 capacity = 6; repeated bytes accusers = 7; bytes proof = 8; }
///
/// Of two claims about one member the one with the higher incarnation holds, and at the same incarnation the worse one.
/// Only the member itself raises its incarnation, so it can answer any accusation, and nobody else can.
///
/// Spec: docs/specs/liveness.md, "Claim".
package struct LivenessClaim: Equatable, Sendable {
    /// What a member is taken for, from good to bad.
    package enum State: UInt8, Comparable, CaseIterable, Sendable {
        case alive = 0
        /// It does not answer, and has some time to contradict.
        case suspect = 1
        /// It did not contradict.
        case dead = 2
        /// It said itself that it goes.
        case left = 3

        package static func < (one: State, other: State) -> Bool { one.rawValue < other.rawValue }
    }

    /// The highest incarnation that there is.
    ///
    /// Without a signature a member is raised by so little at a time that nobody gets there.
    package static let incarnationMax = UInt64.max >> 1
    /// Accusers that one claim names.
    package static let accuserCountMax = 4
    /// The longest signature: secp256k1, in DER.
    package static let proofByteCountMax = 72

    package var peer: PeerID
    package var state = State.alive
    /// From 1 on; raised by the member alone.
    package var incarnation: UInt64
    /// Seconds since the member raised its incarnation, as far as the teller knows.
    package var ageSeconds: UInt32 = 0
    /// How long the member had been running when it raised its incarnation, by its own word.
    package var uptimeSeconds: UInt32 = 0
    /// How much the member can carry for others, by its own word; 0 is nothing.
    package var capacity: UInt16 = 0
    /// Neighbours of a suspect which it did not answer.
    package var accusers: [PeerID] = []
    /// The member's signature over its incarnation, where that is a high one.
    package var proof: [UInt8] = []

    package init(_ peer: PeerID, _ state: State = .alive, incarnation: UInt64) {
        self.peer = peer
        self.state = state
        self.incarnation = incarnation
    }

    /// Whether this holds against what is said of the same member there.
    package func overrides(_ state: State, _ incarnation: UInt64) -> Bool {
        self.incarnation == incarnation ? self.state > state : self.incarnation > incarnation
    }

    // MARK: Proof

    private static let signatureDomain = Array("starling-liveness-1:".utf8)

    private static func proven(_ incarnation: UInt64) -> [UInt8] {
        signatureDomain
            + stride(from: 56, through: 0, by: -8).map {
                UInt8(truncatingIfNeeded: incarnation >> UInt64($0))
            }
    }

    /// A member's signature over its own incarnation.
    package static func proof(of incarnation: UInt64, by key: IdentityKey) -> [UInt8] {
        key.sign(proven(incarnation))
    }

    /// Whether the member itself has raised its incarnation so far, beyond doubt.
    package var isProven: Bool {
        guard !proof.isEmpty, let key = PublicKey(peerID: peer) else { return false }
        return key.verify(proof, over: Self.proven(incarnation))
    }

    // MARK: Wire

    func write(to writer: inout ProtobufWriter) {
        writer.name(1, peer)
        if state != .alive { writer.varint(2, UInt64(state.rawValue)) }
        writer.varint(3, incarnation)
        if ageSeconds > 0 { writer.varint(4, UInt64(ageSeconds)) }
        if uptimeSeconds > 0 { writer.varint(5, UInt64(uptimeSeconds)) }
        if capacity > 0 { writer.varint(6, UInt64(capacity)) }
        for accuser in accusers { writer.name(7, accuser) }
        if !proof.isEmpty { writer.bytes(8, proof) }
    }

    /// Reads the nested message at `range`.
    init(_ message: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) {
        var (peer, incarnation): (PeerID?, UInt64?) = (nil, nil)
        var claim = (state: State.alive, age: UInt32(0), uptime: UInt32(0), capacity: UInt16(0))
        var (accusers, proof): ([PeerID], [UInt8]) = ([], [])
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: message) {
            switch field.number {
            case 1: peer = try field.peerID(in: message)
            case 2:
                guard let state = UInt8(exactly: try field.varint()).flatMap(State.init) else {
                    throw .invalidValue(fieldNumber: 2)
                }
                claim.state = state
            case 3: incarnation = try field.varint()
            case 4: claim.age = try field.number()
            case 5: claim.uptime = try field.number()
            case 6: claim.capacity = try field.number()
            case 7:
                guard accusers.count < Self.accuserCountMax else { throw .tooManyEntries(fieldNumber: 7) }
                accusers.append(try field.peerID(in: message))
            case 8:
                guard try field.range().count <= Self.proofByteCountMax else {
                    throw .invalidValue(fieldNumber: 8)
                }
                proof = try field.bytes(in: message)
            default: break
            }
        }
        guard let peer else { throw .missingField(fieldNumber: 1) }
        guard let incarnation else { throw .missingField(fieldNumber: 3) }
        guard (1...Self.incarnationMax).contains(incarnation) else { throw .invalidValue(fieldNumber: 3) }
        guard accusers.isEmpty || claim.state == .suspect else { throw .invalidValue(fieldNumber: 7) }
        self.init(peer, claim.state, incarnation: incarnation)
        (ageSeconds, uptimeSeconds, capacity) = (claim.age, claim.uptime, claim.capacity)
        (self.accusers, self.proof) = (accusers, proof)
    }
}

extension ProtobufField {
    /// A `uint32` field, within what its place in memory holds.
    func number<Number: FixedWidthInteger & UnsignedInteger>() throws(ProtobufError) -> Number {
        guard let value = Number(exactly: try varint()) else { throw .invalidValue(fieldNumber: number) }
        return value
    }
}
