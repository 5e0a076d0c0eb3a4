// What GCC 9 to 12 call inline and the C++ and C libraries of manylinux_2_28 do not have. It is
// linked into the module.
#include <new>

#define HIDDEN extern "C" __attribute__((visibility("hidden")))

// Of glibc 2.32: whether counts may be changed without atomic instructions. They may not.
HIDDEN char __libc_single_threaded = 0;

// Of GCC 11, by what they replaced: the copy constructor and the destructor of std::exception_ptr,
// which is one pointer.
extern "C" void _ZNSt15__exception_ptr13exception_ptrC1ERKS0_(void *copy, const void *pointer);
extern "C" void _ZNSt15__exception_ptr13exception_ptrD1Ev(void *pointer);

HIDDEN void _ZNSt15__exception_ptr13exception_ptr9_M_addrefEv(void *pointer) {
    void *copy = nullptr; // is not destroyed
    _ZNSt15__exception_ptr13exception_ptrC1ERKS0_(&copy, pointer);
}
HIDDEN void _ZNSt15__exception_ptr13exception_ptr10_M_releaseEv(void *pointer) {
    _ZNSt15__exception_ptr13exception_ptrD1Ev(pointer);
}

// Of GCC 11: std::__throw_bad_array_new_length().
HIDDEN void _ZSt28__throw_bad_array_new_lengthv() { throw std::bad_array_new_length(); }
