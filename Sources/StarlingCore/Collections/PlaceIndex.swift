/// Finds the rows of a table by their names: a hash table that has the places of the rows alone.
///
/// A dictionary would hold each name, which stands in its row already, a second time: of a thousand peers that is a hundred
/// kilobytes in place of sixteen. The caller looks into the rows for the name itself:
///
///     index.insert(slot, of: peer)
///     let slot = index.place(of: peer) { rows[$0].id == peer }
///
/// Open addressing with linear probing; what follows a removed row moves up, so that nothing is left of it.
package struct PlaceIndex<Name: Hashable>: Sendable {
    /// The upper half is a part of the hash, the lower half the place plus one; 0 stands for none.
    @usableFromInline var buckets: [UInt64] = []
    /// Rows that can be found.
    package private(set) var count = 0

    /// The largest place that there may be.
    package static var placeMax: Int { Int(UInt32.max) - 1 }

    package init() {}

    /// The place of the row with a name.
    ///
    /// - Parameter isIt: Whether the row at a place has that name.
    @inlinable package func place(of name: Name, where isIt: (Int) -> Bool) -> Int? {
        guard !buckets.isEmpty else { return nil }
        let tag = Self.tag(name)
        var bucket = home(tag)
        while buckets[bucket] != 0 {
            let place = Int(UInt32(truncatingIfNeeded: buckets[bucket])) - 1
            if UInt32(truncatingIfNeeded: buckets[bucket] >> 32) == tag, isIt(place) { return place }
            bucket = following(bucket)
        }
        return nil
    }

    /// Has a row found from now on.
    ///
    /// - Precondition: there is none of this name, and the place is from 0 to ``placeMax``.
    package mutating func insert(_ place: Int, of name: Name) {
        precondition(0...Self.placeMax ~= place, "a place has 32 bits")
        count += 1
        // Three buckets of four are in use at most.
        if count * 4 > buckets.count * 3 { grow() }
        put(UInt64(Self.tag(name)) << 32 | UInt64(place + 1))
    }

    /// Has a row not found any more; does nothing when it is not.
    package mutating func remove(_ place: Int, of name: Name) {
        guard !buckets.isEmpty else { return }
        let tag = Self.tag(name)
        let entry = UInt64(tag) << 32 | UInt64(place + 1)
        var hole = home(tag)
        while buckets[hole] != entry {
            guard buckets[hole] != 0 else { return }
            hole = following(hole)
        }
        count -= 1
        var bucket = following(hole)
        while buckets[bucket] != 0 {
            let home = home(UInt32(truncatingIfNeeded: buckets[bucket] >> 32))
            // Whoever is nearer to its home than the hole is stays.
            let (distance, room) = (steps(from: home, to: bucket), steps(from: hole, to: bucket))
            if distance >= room {
                buckets[hole] = buckets[bucket]
                hole = bucket
            }
            bucket = following(bucket)
        }
        buckets[hole] = 0
    }

    /// A part of the hash, which is another one in each process: nobody can choose names that meet.
    @inlinable static func tag(_ name: Name) -> UInt32 {
        var hasher = Hasher()
        name.hash(into: &hasher)
        return UInt32(truncatingIfNeeded: hasher.finalize())
    }

    @inlinable func home(_ tag: UInt32) -> Int { Int(tag) & (buckets.count - 1) }

    @inlinable func following(_ bucket: Int) -> Int { (bucket + 1) & (buckets.count - 1) }

    private func steps(from start: Int, to end: Int) -> Int { (end - start) & (buckets.count - 1) }

    private mutating func put(_ entry: UInt64) {
        var bucket = home(UInt32(truncatingIfNeeded: entry >> 32))
        while buckets[bucket] != 0 { bucket = following(bucket) }
        buckets[bucket] = entry
    }

    private mutating func grow() {
        let old = buckets
        buckets = [UInt64](repeating: 0, count: max(8, old.count * 2))
        for entry in old where entry != 0 { put(entry) }
    }
}
