internal import StarlingCore
internal import StarlingWorld

/// The checksum of a row: over the name of its table, its key and its value, in this order.
///
/// So a value that stands at another key, or in another table, is found out like one whose bits changed.
struct RowChecksum {
    private let tableHash: UInt64

    init(table: String) { tableHash = XXH64.hash(Array(table.utf8).span) }

    func of(_ place: StoreKey.Place, _ value: [UInt8]) -> UInt64 { of(place, value.span) }

    func of(_ place: StoreKey.Place, _ value: Span<UInt8>) -> UInt64 {
        let keyHash =
            switch place {
            case .number(let number):
                withUnsafeBytes(of: number.littleEndian) {
                    XXH64.hash($0.bindMemory(to: UInt8.self).span, seed: tableHash)
                }
            case .name(let name): XXH64.hash(name.span, seed: tableHash)
            }
        return XXH64.hash(value, seed: keyHash)
    }
}
