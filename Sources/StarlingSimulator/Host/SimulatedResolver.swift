package import StarlingCore
package import StarlingWorld
internal import Synchronization

/// The names of a simulation, the same for all hosts.
package final class NameTable: Sendable {
    private struct State {
        var addresses: [String: [IPAddress]] = [:]
        var texts: [String: [String]] = [:]
        var isAvailable = true
        var latency = Duration.milliseconds(20)
    }

    private let state = Mutex(State())

    package init() {}

    /// Whether name servers answer at all.
    package var isAvailable: Bool {
        get { state.withLock { $0.isAvailable } }
        set { state.withLock { $0.isAvailable = newValue } }
    }

    /// How long an answer takes.
    package var latency: Duration {
        get { state.withLock { $0.latency } }
        set { state.withLock { $0.latency = newValue } }
    }

    /// Sets the addresses of a host name; `nil` removes it.
    package func setAddresses(_ addresses: [IPAddress]?, of host: String) {
        state.withLock { $0.addresses[host.lowercased()] = addresses }
    }

    /// Sets the TXT records of a name; `nil` removes them.
    package func setTexts(_ texts: [String]?, of name: String) {
        state.withLock { $0.texts[name.lowercased()] = texts }
    }

    func addresses(of host: String) -> [IPAddress]? { state.withLock { $0.addresses[host.lowercased()] } }

    func texts(of name: String) -> [String]? { state.withLock { $0.texts[name.lowercased()] } }
}

/// Answers names from a table after a virtual time.
package final class SimulatedResolver: Resolver {
    private let names: NameTable
    private let loopValue = Mutex<SimulatedLoop?>(nil)

    init(names: NameTable) { self.names = names }

    var loop: SimulatedLoop? {
        get { loopValue.withLock { $0 } }
        set { loopValue.withLock { $0 = newValue } }
    }

    package func addresses(of host: String, family: AddressFamily) async throws(ResolverError) -> [IPAddress]
    {
        if host.isEmpty || host.utf8.count > 253 { throw .invalidName }
        try await wait()
        let wanted = (names.addresses(of: host) ?? []).filter { address in
            switch family {
            case .ipv4: address.isIPv4
            case .ipv6: address.isIPv6
            case .any: true
            }
        }
        if wanted.isEmpty { throw .notFound }
        return Array(wanted.prefix(ResolverLimits.answerCountMax))
    }

    package func texts(of name: String) async throws(ResolverError) -> [String] {
        if name.isEmpty || name.utf8.count > 253 { throw .invalidName }
        try await wait()
        guard let texts = names.texts(of: name) else { throw .notFound }
        return Array(texts.prefix(ResolverLimits.answerCountMax))
    }

    private func wait() async throws(ResolverError) {
        guard let loop else { throw .unavailable("the host is gone") }
        do { try await loop.sleep(for: names.latency) } catch { throw .cancelled }
        if !names.isAvailable { throw .unavailable("the simulated name servers are off") }
    }
}
