import Starling

/// A file from one node to another, as the documentation of ``Node/send(file:name:payload:type:to:options:progress:)`` and
/// ``Message/file`` has it.
private func fileExample(kitchen: Node, hall: Node) async throws {
    let sent = try await kitchen.send(file: "/var/log/today.txt", to: hall.id)
    for await progress in sent.fileProgress { print(progress.arrivedByteCount, "of", progress.byteCount) }

    for await message in hall.messages {
        if let file = message.file {
            try await file.save(to: "/tmp/\(file.name)")
            try await message.acknowledge()
        }
        break
    }
    for await files in hall.incomingFiles { print(files.map(\.name)) }
}

/// The README's example, compiled and not run: it listens on the LAN.
///
/// What it does is run by `NodeFacadeTests`.
private func readmeExample() async throws {
    let kitchen = try await Node.start(.init(name: "kitchen"))
    let hall = try await Node.start(.init(name: "hall"))
    if let address = await hall.addresses.first { try await kitchen.connect(to: address.description) }

    let sent = try await kitchen.send("the kettle is on", to: hall.id)
    print("delivered in", try await sent.receipt().roundTrip)

    for await message in hall.messages {
        print(message.from, message.text ?? "")
        try await message.acknowledge()
        break
    }

    let later = SendOptions(priority: .low, lifetime: .seconds(7 * 86_400), idempotencyKey: "kettle")
    let kept = try await hall.send("it boils", to: kitchen.id, options: later)
    for await state in kept.states { print(state) }
    for record in try await hall.outbox() { print(record.id, record.to, record.obstacle?.message ?? "") }

    await kitchen.stop()
    await hall.stop()
}
