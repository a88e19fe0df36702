internal import CUV

/// The memory of this machine.
package enum SystemMemory {
    /// The bytes that this process may count on: the machine's, or less where a control group says so.
    package static var byteCount: Int {
        let total = uv_get_total_memory()
        let constrained = uv_get_constrained_memory()
        return Int(clamping: constrained > 0 ? min(total, constrained) : total)
    }
}
