internal import CMicrohttpd
internal import StarlingAPI
internal import Synchronization

/// The functions that libmicrohttpd calls, all on its own thread.
///
/// The desk reaches them as the callbacks' context, unretained: the server keeps it until the library has
/// stopped. An exchange is retained from a request's first call until the library says that it has ended.
enum HTTPCallbacks {
    /// Starts the library's thread on a socket that listens.
    static func startDaemon(listening descriptor: Int32, desk: HTTPRequestDesk) -> OpaquePointer? {
        let context = Unmanaged.passUnretained(desk).toOpaque()
        let completed: MHD_RequestCompletedCallback = { context, _, slot, _ in
            HTTPCallbacks.requestDidEnd(context, slot)
        }
        let limits = desk.limits
        var options = [
            option(.LISTEN_SOCKET, Int(descriptor)),
            option(.CONNECTION_LIMIT, limits.connectionCountMax),
            option(.CONNECTION_MEMORY_LIMIT, limits.headByteCountMax),
            option(.CONNECTION_TIMEOUT, limits.idleSecondsMax),
            option(.STRICT_FOR_CLIENT, 1),
            option(.NOTIFY_COMPLETED, unsafeBitCast(completed, to: Int.self), context),
            option(.END, 0),
        ]
        let flags = MHD_USE_AUTO_INTERNAL_THREAD.rawValue | MHD_ALLOW_SUSPEND_RESUME.rawValue
        return options.withUnsafeMutableBufferPointer { options in
            withVaList([
                MHD_OPTION.ARRAY.rawValue,
                OpaquePointer(
                    options.baseAddress
                        ?? UnsafeMutablePointer(context.assumingMemoryBound(to: MHD_OptionItem.self))
                ), MHD_OPTION.END.rawValue,
            ]) {
                list in
                MHD_start_daemon_va(flags, 0, nil, nil, HTTPCallbacks.access, context, list)
            }
        }
    }

    private static func option(
        _ option: MHD_OPTION,
        _ value: Int,
        _ pointer: UnsafeMutableRawPointer? = nil
    ) -> MHD_OptionItem {
        MHD_OptionItem(option: option, value: value, ptr_value: pointer)
    }

    private static let access: MHD_AccessHandlerCallback = {
        context,
        connection,
        path,
        method,
        _,
        upload,
        uploadByteCount,
        slot in
        guard let context, let connection, let path, let method, let uploadByteCount, let slot else {
            return .NO
        }
        let desk = Unmanaged<HTTPRequestDesk>.fromOpaque(context).takeUnretainedValue()
        guard let known = slot.pointee else {
            return begin(desk, connection, slot)
        }
        let exchange = Unmanaged<HTTPExchange>.fromOpaque(known).takeUnretainedValue()
        if uploadByteCount.pointee > 0 {
            let bytes = UnsafeRawBufferPointer(start: upload, count: uploadByteCount.pointee)
            uploadByteCount.pointee = 0
            return exchange.take(bytes, byteCountMax: desk.limits.bodyByteCountMax) ? .YES : .NO
        }
        return goOn(desk, exchange, connection, path: String(cString: path), method: String(cString: method))
    }

    /// The head of a request has been read.
    private static func begin(
        _ desk: HTTPRequestDesk,
        _ connection: OpaquePointer,
        _ slot: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    ) -> MHD_Result {
        let exchange = HTTPExchange()
        slot.pointee = Unmanaged.passRetained(exchange).toOpaque()
        desk.exchangeDidBegin()
        let announced = header("Content-Length", of: connection).flatMap { Int($0) } ?? 0
        if announced > desk.limits.bodyByteCountMax {
            // Before the body: a client that asked whether to go on need not send it.
            exchange.state.withLock { $0.phase = .written }
            return write(.bodyTooLarge(byteCountMax: desk.limits.bodyByteCountMax), to: connection)
        }
        return .YES
    }

    /// The request is whole, or its connection has been resumed.
    private static func goOn(
        _ desk: HTTPRequestDesk,
        _ exchange: HTTPExchange,
        _ connection: OpaquePointer,
        path: String,
        method: String
    ) -> MHD_Result {
        enum Step {
            case write(APIResponse)
            case work(body: [UInt8])
            case nothing
        }
        let step: Step = exchange.state.withLock { state in
            switch state.phase {
            case .reading where state.droppedByteCount > 0:
                state.phase = .written
                return .write(.bodyTooLarge(byteCountMax: desk.limits.bodyByteCountMax))
            case .reading:
                state.phase = .working
                defer { state.body = [] }
                return .work(body: state.body)
            case .answered(let response):
                state.phase = .written
                return .write(response)
            case .working, .written: return .nothing
            }
        }
        switch step {
        case .write(let response): return write(response, to: connection)
        case .nothing: return .YES
        case .work(let body):
            let request = APIRequest(
                method: method,
                path: path,
                query: query(of: connection),
                contentType: header("Content-Type", of: connection),
                body: body
            )
            exchange.suspend(connection)
            if !desk.start(request, for: exchange) { exchange.answer(.stopping) }
            return .YES
        }
    }

    private static func requestDidEnd(
        _ context: UnsafeMutableRawPointer?,
        _ slot: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    ) {
        guard let context, let slot, let known = slot.pointee else { return }
        slot.pointee = nil
        Unmanaged<HTTPExchange>.fromOpaque(known).release()
        Unmanaged<HTTPRequestDesk>.fromOpaque(context).takeUnretainedValue().exchangeDidEnd()
    }

    private static func header(_ name: String, of connection: OpaquePointer) -> String? {
        MHD_lookup_connection_value(connection, .HEADER_KIND, name).map { String(cString: $0) }
    }

    private static func query(of connection: OpaquePointer) -> [(name: String, value: String)] {
        var pairs: [(name: String, value: String)] = []
        withUnsafeMutablePointer(to: &pairs) { pairs in
            _ = MHD_get_connection_values(
                connection,
                .GET_ARGUMENT_KIND,
                { context, _, name, value in
                    guard let context, let name else { return .NO }
                    let pairs = context.assumingMemoryBound(to: [(name: String, value: String)].self)
                    pairs.pointee.append((String(cString: name), value.map { String(cString: $0) } ?? ""))
                    return .YES
                },
                pairs
            )
        }
        return pairs
    }

    private static func write(_ response: APIResponse, to connection: OpaquePointer) -> MHD_Result {
        var body = response.body
        let made = body.withUnsafeMutableBytes {
            MHD_create_response_from_buffer($0.count, $0.baseAddress, .RESPMEM_MUST_COPY)
        }
        guard let made else { return .NO }
        defer { MHD_destroy_response(made) }
        var headers = [
            ("Content-Type", response.contentType), ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        if !response.allowedMethods.isEmpty {
            headers.append(("Allow", response.allowedMethods.joined(separator: ", ")))
        }
        for (name, value) in headers { _ = MHD_add_response_header(made, name, value) }
        return MHD_queue_response(connection, UInt32(response.status), made)
    }
}
