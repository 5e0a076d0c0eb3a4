// AArch64.
#pragma once

#include <cstdint>

namespace segpost {

inline void pause() { asm volatile("yield"); }

// Denormals as IEEE 754 has them, until the end of the object.
class FloatMode {
  public:
    FloatMode() {
        const std::uint64_t plain = 0;
        asm volatile("mrs %0, fpcr" : "=r"(saved_));
        asm volatile("msr fpcr, %0" : : "r"(plain));
    }
    ~FloatMode() { asm volatile("msr fpcr, %0" : : "r"(saved_)); }

  private:
    std::uint64_t saved_;
};

} // namespace segpost
