import Glibc
import StarlingFuzz

/// The target that the environment names: libFuzzer's arguments are its own.
private let target: FuzzTarget? = {
    let name = getenv("STARLING_FUZZ_TARGET").map { String(cString: $0) }
    return FuzzTarget.all.first { $0.name == name }
}()

/// What libFuzzer calls for each input; its `main` is linked in.
@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let target else {
        print("STARLING_FUZZ_TARGET names none of: \(FuzzTarget.all.map(\.name).joined(separator: ", "))")
        exit(2)
    }
    do {
        try target.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
    } catch {
        print("broken promise: \(error.text)")
        fflush(nil)
        abort()
    }
    return 0
}
