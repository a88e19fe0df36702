import StarlingCore
import Testing

@Suite struct PlaceIndexTests {
    /// A name whose hash is chosen: those with the same stand beside each other.
    private struct Name: Hashable {
        var number: Int
        var hash: Int

        func hash(into hasher: inout Hasher) { hasher.combine(hash) }
    }

    @Test func anEmptyOneFindsNothing() {
        var index = PlaceIndex<String>()
        #expect(index.place(of: "one") { _ in true } == nil)
        index.remove(0, of: "one")
        #expect(index.count == 0)
    }

    @Test func rowsOfOneHashAreToldApart() {
        let names = (0..<3).map { Name(number: $0, hash: 7) }
        var index = PlaceIndex<Name>()
        for place in names.indices { index.insert(place, of: names[place]) }
        index.remove(0, of: names[0])
        #expect(index.place(of: names[0]) { $0 == 0 } == nil)
        #expect(index.place(of: names[1]) { $0 == 1 } == 1)
        #expect(index.place(of: names[2]) { $0 == 2 } == 2)
    }

    @Test func whatIsRemovedTwiceIsRemovedOnce() {
        var index = PlaceIndex<String>()
        index.insert(3, of: "one")
        index.insert(4, of: "two")
        index.remove(3, of: "one")
        index.remove(3, of: "one")
        #expect(index.count == 1)
        #expect(index.place(of: "two") { $0 == 4 } == 4)
    }

    /// - Parameter hashCount: Hashes that there are: the fewer, the more rows stand beside their bucket.
    @Test(arguments: [1, 5, 64, 1 << 40])
    func itBehavesLikeADictionaryUnderRandomOperations(hashCount: Int) {
        var random = SplitMix64(seed: UInt64(hashCount))
        var index = PlaceIndex<Name>()
        // Free places are taken again.
        var (rows, free): ([Name?], [Int]) = ([], [])
        var expected: [Name: Int] = [:]
        for number in 0..<2000 {
            if random.number(below: 5) < 3 || expected.isEmpty {
                let name = Name(number: number, hash: random.number(below: hashCount))
                let place = free.popLast() ?? rows.count
                if place == rows.count { rows.append(name) } else { rows[place] = name }
                index.insert(place, of: name)
                expected[name] = place
            } else {
                let places = expected.values.sorted()
                let place = places[random.number(below: places.count)]
                guard let name = rows[place] else { continue }
                index.remove(place, of: name)
                rows[place] = nil
                expected[name] = nil
                free.append(place)
                #expect(index.place(of: name) { rows[$0] == name } == nil)
            }
            #expect(index.count == expected.count)
        }
        for (name, place) in expected {
            #expect(index.place(of: name) { rows[$0] == name } == place)
        }
    }
}
