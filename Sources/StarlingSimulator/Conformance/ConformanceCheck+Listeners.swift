internal import StarlingCore
internal import StarlingWorld

extension ConformanceCheck {
    static let ofListeners: [ConformanceCheck] = [
        ConformanceCheck("a port of 0 becomes one that is free") { stage in
            guard case .ip = stage.streamAddress else { return }
            let (one, other) = (
                ListenerProbe(loop: stage.listenerLoop), ListenerProbe(loop: stage.listenerLoop)
            )
            let first = try await one.listen(on: stage.streamAddress)
            let second = try await other.listen(on: stage.streamAddress)
            try expect(first != second, "two listeners have one address")
            for case .ip(_, let port, _) in [first, second] { try expect(port != 0, "the port is still 0") }
            await one.close()
            await other.close()
        },
        ConformanceCheck("an address that another listens on is refused") { stage in
            let (one, other) = (
                ListenerProbe(loop: stage.listenerLoop), ListenerProbe(loop: stage.listenerLoop)
            )
            let address = try await one.listen(on: stage.streamAddress)
            do {
                _ = try await other.listen(on: address)
                try expect(false, "two listeners have one address")
            } catch let error as SocketError {
                try expect(error == .addressInUse, "the error is \(error)")
            }
            await one.close()
            let again = try await other.listen(on: address)
            try expect(again == address, "an address is not free after its listener closed")
            await other.close()
        },
        ConformanceCheck("dialling where nobody listens is refused") { stage in
            let listener = ListenerProbe(loop: stage.listenerLoop)
            let address = try await listener.listen(on: stage.streamAddress)
            await listener.close()
            let dialer = SocketProbe(loop: stage.dialerLoop)
            do {
                try await dialer.connect(to: address)
                try expect(await dialer.wait { $0.hasFailed }, "nothing was heard")
                let events = await dialer.events
                try expect(events == [.failed(.refused)], "heard \(events)")
            } catch let error as SocketError {
                try expect(error == .refused, "the error is \(error)")
            }
            try expect(await dialer.reentrantCallCount == 0, "the failure came from within the call")
        },
        ConformanceCheck("a connection that the listener refuses ends") { stage in
            let listener = ListenerProbe(loop: stage.listenerLoop)
            let address = try await listener.listen(on: stage.streamAddress)
            let dialer = SocketProbe(loop: stage.dialerLoop)
            try await dialer.connect(to: address)
            await dialer.resumeReading()
            await listener.refuse(try unwrap(await listener.accept(), "no connection was accepted"))
            try expect(await dialer.wait { $0.hasEnded || $0.hasFailed }, "the refusal was not heard")
            await dialer.close()
            await listener.close()
        },
        ConformanceCheck("what is sent before a connection is adopted waits for it") { stage in
            let listener = ListenerProbe(loop: stage.listenerLoop)
            let address = try await listener.listen(on: stage.streamAddress)
            let dialer = SocketProbe(loop: stage.dialerLoop)
            try await dialer.connect(to: address)
            await dialer.wait { $0.count(of: .connected) > 0 }
            await dialer.write([1, 2, 3])
            await dialer.closeWrite()
            let accepted = try unwrap(await listener.accept(), "no connection was accepted")
            let server = SocketProbe(loop: stage.listenerLoop)
            try await server.adopt(accepted)
            await server.resumeReading()
            try expect(await server.wait { $0.hasEnded }, "the end did not arrive")
            try expect(await server.bytes == [1, 2, 3], "the bytes did not arrive")
            await dialer.close()
            await server.close()
            await listener.close()
        },
        ConformanceCheck("fifty connections at once are all served") { stage in
            let listener = ListenerProbe(loop: stage.listenerLoop)
            let address = try await listener.listen(on: stage.streamAddress)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    var servers: [SocketProbe] = []
                    for _ in 0..<50 {
                        let server = SocketProbe(loop: stage.listenerLoop)
                        try await server.adopt(try unwrap(await listener.accept(), "one was not accepted"))
                        await server.echo()
                        servers.append(server)
                    }
                    for server in servers {
                        try expect(await server.wait { $0.hasEnded }, "one did not end")
                        await server.close()
                    }
                }
                for index in 0..<50 {
                    group.addTask {
                        let dialer = SocketProbe(loop: stage.dialerLoop)
                        try await dialer.connect(to: address)
                        await dialer.resumeReading()
                        await dialer.wait { $0.count(of: .connected) > 0 }
                        await dialer.write([UInt8(index)])
                        try expect(await dialer.wait { $0.byteCount == 1 }, "one got no echo")
                        try expect(await dialer.bytes == [UInt8(index)], "one got another's byte")
                        await dialer.closeWrite()
                        try expect(await dialer.wait { $0.hasEnded }, "one was not ended")
                        await dialer.close()
                    }
                }
                try await group.waitForAll()
            }
            try expect(await listener.acceptedCount == 50, "not fifty were accepted")
            await listener.close()
        },
    ]
}
