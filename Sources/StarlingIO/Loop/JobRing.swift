/// The jobs that a loop still has to run, first in, first out; touched by the loop's thread only.
///
/// It keeps its memory: in the steady state a job costs no allocation and no lock.
struct JobRing: ~Copyable {
    /// A power of two, so that a position is a mask away from its slot.
    private var capacity = 256
    private var slots: UnsafeMutablePointer<UnownedJob>
    private var head = 0
    private(set) var count = 0

    init() { slots = .allocate(capacity: 256) }

    deinit { slots.deallocate() }

    mutating func append(_ job: UnownedJob) {
        if count == capacity { grow() }
        (slots + ((head &+ count) & (capacity &- 1))).initialize(to: job)
        count &+= 1
    }

    mutating func popFirst() -> UnownedJob? {
        guard count > 0 else { return nil }
        let job = (slots + head).move()
        head = (head &+ 1) & (capacity &- 1)
        count &-= 1
        return job
    }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<UnownedJob>.allocate(capacity: capacity * 2)
        for position in 0..<count {
            (larger + position).initialize(to: slots[(head + position) & (capacity - 1)])
        }
        slots.deallocate()
        slots = larger
        capacity *= 2
        head = 0
    }
}
