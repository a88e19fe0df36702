internal import StarlingCore
internal import StarlingWorld

/// The tables of the checks.
private let numbers = StoreTable("check_numbers", .numbers)
private let names = StoreTable("check_names", .names)

extension StoreCheck {
    /// All checks.
    package static let all = ofRows + ofScans + ofCalls

    // MARK: Rows

    private static let ofRows: [StoreCheck] = [
        StoreCheck("a row is read as it was put, of every length") { stage in
            let store = StoreProbe(stage, try await stage.open())
            var batch = StoreBatch()
            let values = [0, 1, 100, 4000, 5000, 300_000].map { length in
                (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ length) }
            }
            for (index, value) in values.enumerated() {
                batch.put(StoreKey(numbers, UInt64(index + 1)), value)
                batch.put(StoreKey(names, [UInt8(index), 0, 255]), value)
            }
            batch.put(StoreKey(numbers, UInt64(Int64.max)), [1])
            batch.put(StoreKey(names, [UInt8](repeating: 7, count: StoreKey.nameByteCountMax)), [2])
            try await store.commit(batch)
            for (index, value) in values.enumerated() {
                let (number, name) = (
                    StoreKey(numbers, UInt64(index + 1)), StoreKey(names, [UInt8(index), 0, 255])
                )
                try expect(try await store.read(number) == value, "\(value.count) bytes came back different")
                try expect(try await store.read(name) == value, "\(value.count) bytes came back different")
            }
            try expect(
                try await store.read(StoreKey(numbers, UInt64(Int64.max))) == [1],
                "no row at the last number"
            )
            await store.store.close()
        },
        StoreCheck("a row that is not there reads as none, also in a table that was never used") { stage in
            let store = StoreProbe(stage, try await stage.open())
            try expect(try await store.read(StoreKey(numbers, 1)) == nil, "there is a row")
            try expect(try await store.all(in: names).isEmpty, "there are rows")
            var batch = StoreBatch()
            batch.remove(StoreKey(names, [1]))
            try await store.commit(batch)
            try await store.commit(StoreBatch())
            try expect(try await store.all(in: names).isEmpty, "there are rows")
            await store.store.close()
        },
        StoreCheck("changes of a batch happen in their order, and replace what was there") { stage in
            let store = StoreProbe(stage, try await stage.open())
            let (one, two) = (StoreKey(numbers, 1), StoreKey(numbers, 2))
            var batch = StoreBatch()
            batch.put(one, [1])
            batch.put(two, [2])
            try await store.commit(batch)
            batch = StoreBatch()
            batch.put(one, [3])
            batch.remove(two)
            batch.put(one, [4])
            batch.put(two, [5])
            batch.remove(one)
            try await store.commit(batch)
            try expect(try await store.read(one) == nil, "the row that was removed last is there")
            try expect(try await store.read(two) == [5], "the row that was put last is not there")
            await store.store.close()
        },
        StoreCheck("a batch with a value that is too long fails alone, and leaves nothing") { stage in
            let store = StoreProbe(stage, try await stage.open())
            var (long, good) = (StoreBatch(), StoreBatch())
            long.put(StoreKey(numbers, 1), [1])
            long.put(StoreKey(numbers, 2), [UInt8](repeating: 0, count: StoreLimits.valueByteCountMax + 1))
            good.put(StoreKey(numbers, 3), [3])
            await store.begin(1, long)
            await store.begin(2, good)
            _ = try await store.outcome(of: 3)
            try expect(await store.failures == [.tooLarge], "it did not fail as it should")
            try expect(try await store.all(in: numbers).map(\.value) == [[3]], "the wrong rows are there")
            await store.store.close()
        },
    ]

    // MARK: Scans

    private static let ofScans: [StoreCheck] = [
        StoreCheck("rows come in the order of their keys, each once, in pieces of any size") { stage in
            let store = StoreProbe(stage, try await stage.open())
            var batch = StoreBatch()
            let count = 300
            for index in 0..<count {
                let mixed = (index * 7919) % count
                batch.put(StoreKey(numbers, UInt64(mixed * 1000 + 1)), [UInt8(mixed % 251)])
                batch.put(StoreKey(names, [UInt8(mixed / 256), UInt8(mixed % 256)]), [UInt8(mixed % 251)])
            }
            try await store.commit(batch)
            for table in [numbers, names] {
                let whole = try await store.all(in: table)
                try expect(
                    whole.map(\.value) == (0..<count).map { [UInt8($0 % 251)] },
                    "not in their order, or not all"
                )
                for size in [1, 7, 299, 300, 301] {
                    var pieces: [StoreRow] = []
                    var scan = StoreScan(table, rowCountMax: size)
                    while let last = try await store.scan(scan).last {
                        pieces += try await store.scan(scan)
                        scan.after = last.key
                    }
                    try expect(pieces == whole, "pieces of \(size) are not the whole")
                }
            }
            await store.store.close()
        },
        StoreCheck("a scan ends before its bytes do, but gives at least one row") { stage in
            let store = StoreProbe(stage, try await stage.open())
            var batch = StoreBatch()
            for index in 1...10 {
                batch.put(StoreKey(numbers, UInt64(index)), [UInt8](repeating: 1, count: 100))
            }
            try await store.commit(batch)
            for (byteCount, rowCount) in [(0, 1), (99, 1), (100, 1), (199, 1), (200, 2), (1000, 10)] {
                let rows = try await store.scan(StoreScan(numbers, byteCountMax: byteCount))
                try expect(rows.count == rowCount, "\(rows.count) rows for \(byteCount) bytes")
            }
            await store.store.close()
        },
        StoreCheck("names are ordered by their bytes, a shorter one before those that it begins") { stage in
            let store = StoreProbe(stage, try await stage.open())
            let sorted: [[UInt8]] = [
                [0], [0, 0], [0, 255], [1], [127], [128], [255], [255, 0], [255, 255],
            ]
            var batch = StoreBatch()
            for name in sorted.reversed() { batch.put(StoreKey(names, name), name) }
            try await store.commit(batch)
            try expect(try await store.all(in: names).map(\.value) == sorted, "in another order")
            let rest = try await store.scan(StoreScan(names, after: StoreKey(names, [127, 1])))
            try expect(rest.map(\.value) == sorted.filter { $0[0] >= 128 }, "the rest is another")
            await store.store.close()
        },
    ]

    // MARK: Calls

    private static let ofCalls: [StoreCheck] = [
        StoreCheck("completions come on the loop, in the order of the calls") { stage in
            let store = StoreProbe(stage, try await stage.open())
            for number in 1...200 {
                var batch = StoreBatch()
                batch.put(StoreKey(numbers, UInt64(number)), [UInt8(number)])
                await store.begin(number, batch)
            }
            let order = try await store.outcome(of: 200)
            try expect(order == Array(1...200), "the order was \(order)")
            await store.store.close()
        },
        StoreCheck("a read sees the commits that were called before it, and none after") { stage in
            let store = StoreProbe(stage, try await stage.open())
            let key = StoreKey(numbers, 1)
            var (putting, removing) = (StoreBatch(), StoreBatch())
            putting.put(key, [1])
            removing.remove(key)
            await store.begin(1, reading: key)
            await store.begin(2, putting)
            await store.begin(3, reading: key)
            await store.begin(4, removing)
            await store.begin(5, reading: key)
            await store.begin(6, putting)
            let order = try await store.outcome(of: 6)
            try expect(order == [-1, 2, 3, 4, -5, 6], "it went \(order)")
            await store.store.close()
        },
        StoreCheck("closing finishes what was asked for, and then nothing is taken") { stage in
            let store = StoreProbe(stage, try await stage.open())
            var batch = StoreBatch()
            batch.put(StoreKey(names, [1]), [1])
            await store.begin(1, batch)
            await store.store.close()
            try expect(try await store.outcome(of: 1) == [1], "a commit before closing did not complete")
            await store.begin(2, batch)
            _ = try await store.outcome(of: 2)
            try expect(await store.failures == [.closed], "it goes on after closing")
            await store.store.close()
            guard stage.outlivesClose else { return }
            let again = StoreProbe(stage, try await stage.open())
            try expect(try await again.read(StoreKey(names, [1])) == [1], "the row is gone")
            try expect(again.store.report.isClean, "something is reported damaged")
            await again.store.close()
        },
        StoreCheck("callers at the same time all get their rows in") { stage in
            let store = StoreProbe(stage, try await stage.open())
            try await withThrowingTaskGroup(of: Void.self) { group in
                for caller in 0..<20 {
                    group.addTask {
                        for index in 0..<20 {
                            var batch = StoreBatch()
                            let number = UInt64(caller * 20 + index + 1)
                            batch.put(StoreKey(numbers, number), [UInt8(caller)])
                            batch.put(StoreKey(names, [UInt8(caller), UInt8(index)]), [UInt8(index)])
                            try await store.commit(batch)
                        }
                    }
                }
                try await group.waitForAll()
            }
            try expect(try await store.all(in: numbers).count == 400, "rows are missing")
            try expect(try await store.all(in: names).count == 400, "rows are missing")
            await store.store.close()
        },
    ]
}
