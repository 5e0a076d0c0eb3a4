// What zig's C++ runtime for WASI lacks, since it is built without exceptions: the tag of those of
// C++, which `throw` of WebAssembly throws, and a `new` that throws where there is no memory.
#include <cstdlib>
#include <new>

asm(".globl __cpp_exception\n"
    ".tagtype __cpp_exception i32\n"
    "__cpp_exception:\n");

namespace {

void *allocate(std::size_t size) { return std::malloc(size ? size : 1); }

void *or_throw(void *memory) {
    if (!memory) throw std::bad_alloc();
    return memory;
}

void *aligned(std::size_t size, std::align_val_t alignment) {
    const auto step = static_cast<std::size_t>(alignment);
    const std::size_t rounded = (size / step + 1) * step;
    return rounded < size ? nullptr : std::aligned_alloc(step, rounded);
}

} // namespace

void *operator new(std::size_t size) { return or_throw(allocate(size)); }
void *operator new[](std::size_t size) { return or_throw(allocate(size)); }
void *operator new(std::size_t size, std::align_val_t a) { return or_throw(aligned(size, a)); }
void *operator new[](std::size_t size, std::align_val_t a) { return or_throw(aligned(size, a)); }
void *operator new(std::size_t size, const std::nothrow_t &) noexcept { return allocate(size); }
void *operator new[](std::size_t size, const std::nothrow_t &) noexcept { return allocate(size); }
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete[](void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void *memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void *memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void *memory, std::align_val_t) noexcept { std::free(memory); }
