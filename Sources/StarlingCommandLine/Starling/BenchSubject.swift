/// What `starling bench` measures.
package enum BenchSubject: String, CaseIterable, Sendable {
    case ping, bulk, dial, memory, streams, seal, store, urgent, enqueue, delivery, route, file

    /// Whether messages cross hops.
    package var usesRoutes: Bool { self == .route }

    /// Whether messages are on a disk, in a folder of the bench.
    package var isDurable: Bool {
        switch self {
        case .urgent, .enqueue, .delivery, .route: true
        case .ping, .bulk, .dial, .memory, .streams, .seal, .store, .file: false
        }
    }
}
