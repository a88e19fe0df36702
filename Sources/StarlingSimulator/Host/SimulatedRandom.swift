internal import StarlingCore
internal import StarlingWorld
internal import Synchronization

/// A host's randomness: predictable from the simulation's seed.
package final class SimulatedRandom: RandomSource {
    private let generator: Mutex<SplitMix64>

    package init(seed: UInt64) { generator = Mutex(SplitMix64(seed: seed)) }

    package func bytes(count: Int) -> [UInt8] {
        generator.withLock { generator in
            [UInt8](unsafeUninitializedCapacity: count) { bytes, filledCount in
                var word: UInt64 = 0
                for index in 0..<count {
                    if index & 7 == 0 { word = generator.next() }
                    bytes.initializeElement(at: index, to: UInt8(truncatingIfNeeded: word))
                    word >>= 8
                }
                filledCount = count
            }
        }
    }
}
