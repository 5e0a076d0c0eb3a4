// What GCC 9 to 12 call inline and the C++ and C libraries of manylinux_2_27 do not have. It is
// linked into the module.
#include <new>

#define HIDDEN extern "C" __attribute__((visibility("hidden")))

// Of glibc 2.32: whether counts may be changed without atomic instructions. They may not.
HIDDEN char __libc_single_threaded = 0;

// Of GCC 11, by what they replaced: the copy constructor and the destructor of std::exception_ptr,
// which is one pointer. With their version they are those of the library: the module may have its
// own, inline ones, which call what is defined here.
#define OF_LIBRARY(name, symbol) asm(".symver " #name ", " #symbol "@CXXABI_1.3.3")

extern "C" void copy_in_library(void *copy, const void *pointer);
extern "C" void destroy_in_library(void *pointer);
OF_LIBRARY(copy_in_library, _ZNSt15__exception_ptr13exception_ptrC1ERKS0_);
OF_LIBRARY(destroy_in_library, _ZNSt15__exception_ptr13exception_ptrD1Ev);

HIDDEN void _ZNSt15__exception_ptr13exception_ptr9_M_addrefEv(void *pointer) {
    void *copy = nullptr; // is not destroyed
    copy_in_library(&copy, pointer);
}
HIDDEN void _ZNSt15__exception_ptr13exception_ptr10_M_releaseEv(void *pointer) {
    destroy_in_library(pointer);
}

// Of GCC 11: std::__throw_bad_array_new_length().
HIDDEN void _ZSt28__throw_bad_array_new_lengthv() { throw std::bad_array_new_length(); }
