internal import CSys
internal import StarlingWorld

/// The operating system's random bytes.
package struct SystemRandom: RandomSource {
    package init() {}

    package func bytes(count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { memory, initializedCount in
            let status = csys_random(memory.baseAddress, count)
            precondition(status == 0, "the operating system has no random bytes")
            initializedCount = count
        }
    }
}
