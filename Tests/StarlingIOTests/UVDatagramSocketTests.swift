import StarlingCore
import StarlingIO
import StarlingWorld
import Testing

@Suite struct UVDatagramSocketTests {
    private final class Post: DatagramSocketDelegate, @unchecked Sendable {
        let gate = Gate()
        var received: [(bytes: [UInt8], remote: SocketAddress, interfaceIndex: UInt32)] = []
        func socketDidReceive(_ bytes: BufferSlice, from remote: SocketAddress, interfaceIndex: UInt32) {
            received.append((bytes.array(), remote, interfaceIndex))
            gate.check()
        }
        func datagramSocketDidFail(_ error: SocketError) { Issue.record("\(error)") }
    }

    private var loopbackInterface: NetworkInterface? {
        get async {
            (try? await withLoop { SystemInterfaces(loop: $0).interfaces() })?.first { $0.isLoopback }
        }
    }

    @Test(arguments: [loopback4, loopback6])
    func datagramsArriveWholeWithTheirSenderAndInterface(local: SocketAddress) async throws {
        if local == loopback6, await !hasIPv6 { return }
        let loopback = await loopbackInterface
        try await withLoop { loop in
            let (here, there) = (Post(), Post())
            let first = try loop.openDatagram(DatagramOptions(local: local), delegate: here)
            let second = try loop.openDatagram(DatagramOptions(local: local), delegate: there)
            for count in [0, 1, 1400, 60_000] {
                try first.send(pattern(count), to: second.local, interfaceIndex: 0)
            }
            await there.gate.until { there.received.count == 4 }
            #expect(there.received.map(\.bytes) == [0, 1, 1400, 60_000].map { pattern($0) })
            #expect(there.received.allSatisfy { $0.remote == first.local })
            #expect(there.received.allSatisfy { $0.interfaceIndex == loopback?.index })
            try second.send([7], to: there.received[0].remote, interfaceIndex: 0)
            await here.gate.until { here.received.count == 1 }
            first.close()
            second.close()
        }
    }

    @Test func aDatagramThatIsTooLargeIsSaid() async throws {
        try await withLoop { loop in
            let socket = try loop.openDatagram(DatagramOptions(local: loopback4), delegate: Post())
            #expect(throws: SocketError.messageTooLarge) {
                try socket.send(pattern(70_000), to: socket.local, interfaceIndex: 0)
            }
            socket.close()
            #expect(throws: SocketError.other("EBADF")) {
                try socket.send([1], to: socket.local, interfaceIndex: 0)
            }
        }
    }

    @Test func anAddressIsSharedOnlyWhenAskedFor() async throws {
        try await withLoop { loop in
            let alone = try loop.openDatagram(DatagramOptions(local: loopback4), delegate: Post())
            #expect(throws: SocketError.addressInUse) {
                try loop.openDatagram(DatagramOptions(local: alone.local), delegate: Post())
            }
            var options = DatagramOptions(local: loopback4)
            options.isShared = true
            let first = try loop.openDatagram(options, delegate: Post())
            options.local = first.local
            try loop.openDatagram(options, delegate: Post()).close()
            first.close()
            alone.close()
        }
    }

    /// Every interface with multicast, or loopback, which carries groups too where the system is asked to.
    @Test func aGroupHearsWhatIsSentToItOnEachInterface() async throws {
        let group4 = IPAddress.v4(0xe000_00fb)
        let group6 = IPAddress.v6(high: 0xff02_0000_0000_0000, low: 0xfb)
        try await withLoop { loop in
            for interface in SystemInterfaces(loop: loop).interfaces() where interface.hasMulticast {
                for group in [group4, group6] {
                    let isV4 = if case .v4 = group { true } else { false }
                    let hasFamily = interface.addresses.contains { address in
                        if case .v4 = address { isV4 } else { !isV4 }
                    }
                    guard hasFamily else { continue }
                    let any: IPAddress = isV4 ? .v4(0) : .v6(high: 0, low: 0)
                    var options = DatagramOptions(local: .ip(any, port: 0))
                    options.isShared = true
                    options.groups = [.init(address: group, interfaceIndex: interface.index)]
                    let (here, there) = (Post(), Post())
                    let first = try loop.openDatagram(options, delegate: here)
                    options.local = first.local
                    let second = try loop.openDatagram(options, delegate: there)
                    guard case .ip(_, let port, _) = first.local else { return }
                    try first.send(
                        [1, 2, 3],
                        to: .ip(group, port: port),
                        interfaceIndex: interface.index
                    )
                    await there.gate.until { !there.received.isEmpty }
                    await here.gate.until { !here.received.isEmpty }
                    #expect(there.received[0].bytes == [1, 2, 3])
                    #expect(there.received[0].interfaceIndex == interface.index)
                    first.close()
                    second.close()
                }
            }
        }
    }

    @Test func joiningOnAnInterfaceThatIsNotThereIsAnError() async throws {
        try await withLoop { loop in
            var options = DatagramOptions(local: .ip(.v4(0), port: 0))
            options.groups = [.init(address: .v4(0xe000_00fb), interfaceIndex: 99_999)]
            #expect(throws: SocketError.self) { try loop.openDatagram(options, delegate: Post()) }
        }
    }

    @Test func aGroupThatCannotBeJoinedDoesNotCloseTheSocketForTheOthers() async throws {
        guard let loopback = await loopbackInterface else { return }
        try await withLoop { loop in
            var options = DatagramOptions(local: .ip(.v4(0), port: 0))
            let group = IPAddress.v4(0xe000_00fb)
            options.groups = [
                .init(address: group, interfaceIndex: 1 << 20),
                .init(address: group, interfaceIndex: loopback.index),
            ]
            try loop.openDatagram(options, delegate: Post()).close()
            options.groups.removeLast()
            #expect(throws: SocketError.self) { try loop.openDatagram(options, delegate: Post()) }
        }
    }
}
