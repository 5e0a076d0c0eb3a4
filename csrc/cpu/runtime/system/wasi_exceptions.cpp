// What zig's C++ runtime for WASI lacks, since it is built without exceptions and threads: the tag
// of those of C++, which `throw` of WebAssembly throws, a `new` that throws where there is no
// memory, a lock of the memory, and statics of functions that one thread initializes while others
// wait.
#include <atomic>
#include <cstdlib>
#include <new>

#include "cpu/runtime/mutex.hpp"

asm(".globl __cpp_exception\n"
    ".tagtype __cpp_exception i32\n"
    "__cpp_exception:\n");

namespace {

segpost::Mutex heap;

void *allocate(std::size_t size) {
    const std::lock_guard lock(heap);
    return std::malloc(size ? size : 1);
}

void release(void *memory) {
    const std::lock_guard lock(heap);
    std::free(memory);
}

void *or_throw(void *memory) {
    if (!memory) throw std::bad_alloc();
    return memory;
}

void *aligned(std::size_t size, std::align_val_t alignment) {
    const auto step = static_cast<std::size_t>(alignment);
    const std::size_t rounded = (size / step + 1) * step;
    const std::lock_guard lock(heap);
    return rounded < size ? nullptr : std::aligned_alloc(step, rounded);
}

} // namespace

void *operator new(std::size_t size) { return or_throw(allocate(size)); }
void *operator new[](std::size_t size) { return or_throw(allocate(size)); }
void *operator new(std::size_t size, std::align_val_t a) { return or_throw(aligned(size, a)); }
void *operator new[](std::size_t size, std::align_val_t a) { return or_throw(aligned(size, a)); }
void *operator new(std::size_t size, const std::nothrow_t &) noexcept { return allocate(size); }
void *operator new[](std::size_t size, const std::nothrow_t &) noexcept { return allocate(size); }
void operator delete(void *memory) noexcept { release(memory); }
void operator delete[](void *memory) noexcept { release(memory); }
void operator delete(void *memory, std::size_t) noexcept { release(memory); }
void operator delete[](void *memory, std::size_t) noexcept { release(memory); }
void operator delete(void *memory, std::align_val_t) noexcept { release(memory); }
void operator delete[](void *memory, std::align_val_t) noexcept { release(memory); }

// A static of a function is guarded by a number, whose lowest bit says that it is initialized.
namespace {

constexpr int untouched = 0, initialized = 1, in_progress = 2;

} // namespace

extern "C" int __cxa_guard_acquire(std::atomic<int> *guard) {
    for (;;) {
        int state = untouched;
        if (guard->compare_exchange_strong(state, in_progress)) return 1;
        if (state == initialized) return 0;
    }
}
extern "C" void __cxa_guard_release(std::atomic<int> *guard) { *guard = initialized; }
extern "C" void __cxa_guard_abort(std::atomic<int> *guard) { *guard = untouched; }

// The memory of exceptions: CMake gives these names to the functions that libc++abi calls.
namespace __cxxabiv1 {

void *__aligned_malloc_with_fallback(std::size_t size);
void __aligned_free_with_fallback(void *memory);

void *locked_aligned_malloc(std::size_t size) {
    const std::lock_guard lock(heap);
    return __aligned_malloc_with_fallback(size);
}

void locked_aligned_free(void *memory) {
    const std::lock_guard lock(heap);
    __aligned_free_with_fallback(memory);
}

} // namespace __cxxabiv1
