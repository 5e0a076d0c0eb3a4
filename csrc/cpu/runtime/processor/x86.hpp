// x86, and its levels.
#pragma once

#include <cpuid.h>
#include <cstdint>
#include <xmmintrin.h>

namespace segpost {

inline void pause() { _mm_pause(); }

// Denormals as IEEE 754 has them, until the end of the object.
class FloatMode {
  public:
    FloatMode() : saved_(_mm_getcsr()) { _mm_setcsr(0x1f80); }
    ~FloatMode() { _mm_setcsr(saved_); }

  private:
    unsigned saved_;
};

// What CPUID says; zeros where the processor has no such leaf.
struct Cpuid {
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;

    explicit Cpuid(unsigned leaf) { __get_cpuid_count(leaf, 0, &eax, &ebx, &ecx, &edx); }
};

template <class... Bits> inline bool has_bits(unsigned word, Bits... bits) {
    return ((word >> bits & 1) && ...);
}

// The registers that the system saves when it switches threads, a bit a kind; 0 if it does not say.
inline std::uint32_t saved_registers(const Cpuid &features) {
    constexpr int osxsave = 27;
    if (!has_bits(features.ecx, osxsave)) return 0;
    std::uint32_t low = 0, high = 0;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

// The number of the best of the levels "x86-64-v1" to "x86-64-v4" of the System V ABI that the
// processor has, and whose registers the system saves.
inline int x86_64_level() {
    enum { sse3 = 0, ssse3 = 9, fma = 12, cmpxchg16b, sse4_1 = 19, sse4_2, movbe = 22, popcnt };
    enum { avx = 28, f16c };               // these and the above: leaf 1, ECX
    enum { lahf = 0, lzcnt = 5 };          // leaf 0x80000001, ECX
    enum { bmi1 = 3, avx2 = 5, bmi2 = 8 }; // leaf 7, EBX
    enum { avx512f = 16, avx512dq, avx512cd = 28, avx512bw = 30, avx512vl }; // leaf 7, EBX
    enum { xmm = 1, ymm, masks = 5, zmm_0_to_15, zmm_16_to_31 };
    const Cpuid features(1), more_features(7), amd_features(0x80000001u);
    const std::uint32_t saved = saved_registers(features);
    if (!has_bits(features.ecx, sse3, ssse3, cmpxchg16b, sse4_1, sse4_2, popcnt) ||
        !has_bits(amd_features.ecx, lahf))
        return 1;
    if (!has_bits(features.ecx, fma, movbe, avx, f16c) || !has_bits(amd_features.ecx, lzcnt) ||
        !has_bits(more_features.ebx, bmi1, avx2, bmi2) || !has_bits(saved, xmm, ymm))
        return 2;
    if (!has_bits(more_features.ebx, avx512f, avx512dq, avx512cd, avx512bw, avx512vl) ||
        !has_bits(saved, masks, zmm_0_to_15, zmm_16_to_31))
        return 3;
    return 4;
}

} // namespace segpost
