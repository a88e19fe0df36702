internal import CUV
internal import StarlingWorld

extension SocketError {
    /// From a negative errno, as libuv and CSys return it.
    init(code: Int32) {
        switch uv_errno_t(code) {
        // A Unix path without a file: nobody listens there either.
        case UV_ECONNREFUSED, UV_ENOENT: self = .refused
        case UV_ECONNRESET, UV_ECONNABORTED, UV_EPIPE: self = .reset
        case UV_ETIMEDOUT: self = .timedOut
        case UV_ENETUNREACH, UV_EHOSTUNREACH, UV_ENETDOWN, UV_EHOSTDOWN: self = .unreachable
        case UV_EADDRINUSE: self = .addressInUse
        case UV_EADDRNOTAVAIL, UV_EAFNOSUPPORT: self = .addressUnavailable
        case UV_EACCES, UV_EPERM: self = .notPermitted
        case UV_EMFILE, UV_ENFILE: self = .tooManyOpenFiles
        case UV_ENOMEM, UV_ENOBUFS: self = .outOfMemory
        case UV_EMSGSIZE: self = .messageTooLarge
        default: self = .other(systemErrorName(code))
        }
    }

    /// The result of a call that returns a negative errno when it fails.
    @discardableResult
    static func check(_ result: Int32) throws(SocketError) -> Int32 {
        guard result >= 0 else { throw SocketError(code: result) }
        return result
    }
}

/// The system's own name of an error, such as `EIO`.
func systemErrorName(_ code: Int32) -> String {
    guard let name = uv_err_name(code) else { return "E\(-code)" }
    return String(cString: name)
}
