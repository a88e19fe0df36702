internal import StarlingCore
internal import StarlingWorld

extension ConformanceCheck {
    static let ofDatagrams: [ConformanceCheck] = [
        ConformanceCheck("datagrams arrive whole, with their sender, and can be answered") { stage in
            let (here, there) = (
                DatagramProbe(loop: stage.dialerLoop), DatagramProbe(loop: stage.listenerLoop)
            )
            let local = try await here.open(DatagramOptions(local: stage.datagramAddresses.dialer))
            let remote = try await there.open(DatagramOptions(local: stage.datagramAddresses.listener))
            let messages = [0, 1, 1200, 9000].map { count in (0..<count).map { UInt8(truncatingIfNeeded: $0) }
            }
            // One at a time: a datagram in flight may overtake another or be lost in a full buffer.
            for (index, message) in messages.enumerated() {
                try await here.send(message, to: remote)
                try expect(await there.wait(forCount: index + 1), "a datagram did not arrive")
            }
            try expect(await there.received.map(\.bytes) == messages, "other bytes arrived")
            try expect(await there.received.allSatisfy { $0.remote == local }, "the sender is another")
            try await there.send([7, 7], to: local)
            try expect(await here.wait(forCount: 1), "the answer did not arrive")
            try expect(await here.received.first?.remote == remote, "the answer's sender is another")
            await here.close()
            await there.close()
        },
        ConformanceCheck("a datagram that is too large is refused to its sender") { stage in
            let here = DatagramProbe(loop: stage.dialerLoop)
            let local = try await here.open(DatagramOptions(local: stage.datagramAddresses.dialer))
            do {
                try await here.send([UInt8](repeating: 1, count: 70_000), to: local)
                try expect(false, "70,000 bytes were sent as one datagram")
            } catch let error as SocketError {
                try expect(error == .messageTooLarge, "the error is \(error)")
            }
            await here.close()
        },
        ConformanceCheck("a closed datagram socket hears nothing and sends nothing") { stage in
            let (here, there) = (
                DatagramProbe(loop: stage.dialerLoop), DatagramProbe(loop: stage.listenerLoop)
            )
            let local = try await here.open(DatagramOptions(local: stage.datagramAddresses.dialer))
            let remote = try await there.open(DatagramOptions(local: stage.datagramAddresses.listener))
            try await here.send([1], to: remote)
            try expect(await there.wait(forCount: 1), "a datagram did not arrive")
            await there.close()
            try await here.send([2], to: remote)
            do {
                try await there.send([3], to: local)
                try expect(false, "a closed socket sent")
            } catch let error as SocketError {
                try expect(error == .other("EBADF"), "the error is \(error)")
            }
            // Its address is free again, and the next socket there hears what comes from here on.
            let next = DatagramProbe(loop: stage.listenerLoop)
            try await next.open(DatagramOptions(local: remote))
            try await here.send([4], to: remote)
            try expect(await next.wait(forCount: 1), "a datagram did not arrive")
            try expect(await there.received.count == 1, "a closed socket heard something")
            await here.close()
            await next.close()
        },
        ConformanceCheck("an address is shared only where all ask for it") { stage in
            let probes = (0..<3).map { _ in DatagramProbe(loop: stage.listenerLoop) }
            var options = DatagramOptions(local: stage.datagramAddresses.listener)
            options.isShared = true
            options.local = try await probes[0].open(options)
            try await probes[1].open(options)
            options.isShared = false
            do {
                try await probes[2].open(options)
                try expect(false, "an address was taken from others")
            } catch let error as SocketError {
                try expect(error == .addressInUse, "the error is \(error)")
            }
            for probe in probes { await probe.close() }
        },
    ]
}
