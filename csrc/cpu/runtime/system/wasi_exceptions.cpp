// The tag of C++ exceptions: what `throw` of WebAssembly throws. Other linkers take it from a
// library of exceptions, which zig has none of.
asm(".globl __cpp_exception\n"
    ".tagtype __cpp_exception i32\n"
    "__cpp_exception:\n");
