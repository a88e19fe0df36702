package import StarlingCore
package import StarlingTransports
internal import StarlingWorld

extension Swarm: ListenerOwner {
    /// Listens on an address, in addition to others.
    ///
    /// - Returns: Where it listens, with the port that was chosen for 0.
    @discardableResult
    package func listen(on address: Multiaddr) async throws(ListenError) -> Multiaddr {
        if isStopped { throw .socket(address, .other("ECANCELED")) }
        guard let transport = transports.first(where: { $0.canListen(on: address) }) else {
            throw .unsupported(address)
        }
        let listener = try await transport.listen(on: address, self)
        if isStopped {
            // It was stopped meanwhile, and has closed the others.
            await listener.close()
            throw .socket(address, .other("ECANCELED"))
        }
        listeners.append(listener)
        notify(.addressesChanged)
        return listener.address
    }

    /// Where others reach this node: the listeners' addresses, wildcards replaced by those of the interfaces.
    package var listenAddresses: [Multiaddr] {
        let interfaces = world.interfaces.interfaces()
        var addresses: [Multiaddr] = []
        for listener in listeners {
            let address = listener.address
            guard case .ip(let ip, _) = address.host, ip.isUnspecified else {
                addresses.append(address)
                continue
            }
            for own in interfaces.flatMap(\.addresses) where own.isIPv4 == ip.isIPv4 && !own.isLinkLocal {
                addresses.append(address.replacingHost(with: own))
            }
        }
        return addresses
    }

    /// Where the listeners are bound, wildcards as they are.
    var boundAddresses: [Multiaddr] { listeners.map(\.address) }

    package nonisolated func mayAccept(_ upgrade: PendingUpgrade) -> UInt64? {
        do throws(ResourceError) {
            return try protocols.begin(upgrade)
        } catch {
            world.log(.warning, "connection refused", ["limit": "\(error.text)"])
            return nil
        }
    }

    package func upgradeDidEnd(
        _ ticket: UInt64,
        _ outcome: Result<any Connection, ConnectionError>
    ) async {
        protocols.endUpgrade(ticket)
        switch outcome {
        case .success(let connection):
            do throws(ConnectionError) { try await register(connection) } catch {
                world.log(.warning, "inbound connection closed", ["reason": "\(error.reason)"])
            }
        case .failure(let error):
            world.log(.debug, "inbound connection failed", ["reason": "\(error.reason)"])
        }
    }
}
