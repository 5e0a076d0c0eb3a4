// Where a kernel puts as many results as it finds; memory comes from the launcher.
#pragma once

#include <cstdint>

namespace segpost {

template <class T> struct Sink {
    T *items = nullptr;
    std::int64_t count = 0, capacity = 0;
    void (*grow)(Sink &, std::int64_t capacity) = nullptr;
    void *owner = nullptr;

    void reserve(std::int64_t more) {
        if (count + more > capacity) grow(*this, count + more);
    }
    T *end() const { return items + count; }
};

} // namespace segpost
