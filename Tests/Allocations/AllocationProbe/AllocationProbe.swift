import CAllocationCount
import StarlingTransports

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Counts the calls of malloc in a bulk transfer over Noise and over TLS, and fails where Noise calls it for records.
///
/// Exit code: 0 when Noise allocates nothing for a record, 1 otherwise, 2 where nothing can be counted.
@main struct AllocationProbe {
    /// Leaves room for what is allocated now and then, such as a queue that grows once more.
    private static let allocationsPerRecordMax = 0.01

    static func main() async {
        guard allocations_are_counted() != 0 else {
            print("allocations can be counted with glibc only: run this on a Linux that has it")
            exit(2)
        }
        do {
            let noise = try await BulkTransfer(security: .noise, reader: .drop).count()
            print("Noise: \(noise)")
            let tls = try await BulkTransfer(security: .tls, reader: .drop).count()
            print("TLS: \(tls), inside GnuTLS")
            let copied = try await BulkTransfer(security: .noise, reader: .copy).count()
            exit(isCounted(copied) && isQuiet(noise) ? 0 : 1)
        } catch {
            print("the transfer failed: \(error)")
            exit(1)
        }
    }

    /// A count that stays low whatever happens proves nothing: a reader that copies every record has to show.
    private static func isCounted(_ copied: AllocationCount) -> Bool {
        if copied.receiving >= copied.recordCount { return true }
        print("a reader that copies every record shows only \(copied): this probe does not count all")
        return false
    }

    private static func isQuiet(_ noise: AllocationCount) -> Bool {
        let countMax = Int(Double(noise.recordCount) * allocationsPerRecordMax)
        if max(noise.sending, noise.receiving, noise.elsewhere) <= countMax { return true }
        print("Noise: more than \(countMax) in one place; heaptrack on this program shows who allocates")
        return false
    }
}
