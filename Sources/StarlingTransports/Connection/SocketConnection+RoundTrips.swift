internal import StarlingProtocols
package import StarlingWorld

// How long the way to the peer and back takes.
extension SocketConnection {
    package var packetCounts: PacketCounts? { socket?.packetCounts }

    package func measureRoundTrip() async -> Duration? {
        let token = makeToken()
        await withTaskCancellationHandler {
            await Waiter.suspend { waiter in
                guard case .open = state, !Task.isCancelled else { return waiter.resume() }
                measuring.append((token, waiter))
                yamux.measureRoundTrip(now: loop.now)
                scheduleFlush()
            }
        } onCancel: {
            loop.startTask { await self.cancelMeasuring(token) }
        }
        guard case .open = state else { return nil }
        return yamux.roundTrip
    }

    /// Lets all who wait for the peer's answer go on: it came, or none comes any more.
    func roundTripIsKnown() {
        let waiting = measuring
        measuring = []
        for (_, waiter) in waiting { waiter.resume() }
    }

    private func cancelMeasuring(_ token: UInt64) {
        guard let place = measuring.firstIndex(where: { $0.token == token }) else { return }
        measuring.remove(at: place).waiter.resume()
    }
}
