// Labels of all integer types, and the colors that a palette gives them.
#pragma once

#include "cuda/color/spans.hpp"

#include "ops/color/palette.hpp"

#include <cstring>
#include <stdexcept>

namespace segpost::gpu {

// Which labels have a row of the palette, in terms of a label's bits. Rows are the classes, then
// void, then what is neither.
struct LabelRows {
    unsigned classes;
    unsigned void_class;              // a class that is ignored; or beyond all
    unsigned long long bound, ignore; // labels below `bound` are classes
    bool ignores;

    template <class U> __device__ unsigned row(U bits) const {
        if (bits < bound) return static_cast<unsigned>(bits);
        return ignores && bits == static_cast<U>(ignore) ? classes : classes + 1;
    }
};

inline LabelRows label_rows(const LabelRange &range, DType dtype) {
    const bool is_signed =
        dtype == DType::i8 || dtype == DType::i16 || dtype == DType::i32 || dtype == DType::i64;
    int bits = 64;
    if (dtype == DType::i8 || dtype == DType::u8) bits = 8;
    if (dtype == DType::i16 || dtype == DType::u16) bits = 16;
    if (dtype == DType::i32 || dtype == DType::u32) bits = 32;
    if (range.classes < 0 || range.classes >= (std::int64_t{1} << 31) - 2)
        throw std::invalid_argument("classes");
    const std::int64_t most = static_cast<std::int64_t>(
        ~0ull >> (64 - bits + is_signed + (bits == 64 && !is_signed))); // or of an int64
    const std::int64_t least = is_signed ? -most - 1 : 0;
    LabelRows rows{};
    rows.classes = static_cast<unsigned>(range.classes);
    rows.bound = static_cast<unsigned long long>(std::min(range.classes - 1, most) + 1);
    rows.ignores = range.has_ignore && range.ignore_index >= least && range.ignore_index <= most;
    rows.ignore = static_cast<unsigned long long>(range.ignore_index);
    rows.void_class = rows.classes + 2;
    if (rows.ignores && range.ignore_index >= 0 && range.ignore_index < range.classes)
        rows.void_class = static_cast<unsigned>(range.ignore_index);
    return rows;
}

// Colors and weights, copied to shared memory unless there are too many. Labels of one byte have
// a table of all 256 that there can be.
struct Colors {
    static constexpr unsigned wrong = 1u << 24; // of what is neither class nor void
    static constexpr unsigned most = 2048;

    LabelRows rows;
    const std::uint32_t *lut;
    const std::uint16_t *alpha; // null: there is none
    unsigned size;              // of the table in shared memory; 0: there is none

    std::size_t shared() const { return size * (alpha ? 6 : 4); }

    template <class U> __device__ void fill() const {
        unsigned *colors = dynamic_shared<unsigned>();
        std::uint16_t *weights = reinterpret_cast<std::uint16_t *>(colors + length<U>());
        for (unsigned i = threadIdx.x; i < size; i += block_size) {
            const unsigned row = sizeof(U) == 1 ? rows.row(static_cast<U>(i)) : i;
            colors[i] = look_up(row);
            if (alpha) weights[i] = alpha[entry(row)];
        }
        __syncthreads();
    }
    // What a label is looked up by.
    template <class U> __device__ unsigned key(U bits) const {
        if constexpr (sizeof(U) == 1) return bits;
        return rows.row(bits);
    }
    template <class U> __device__ unsigned color(unsigned key) const {
        return sizeof(U) == 1 || size ? dynamic_shared<unsigned>()[key] : look_up(key);
    }
    template <class U> __device__ unsigned weight(unsigned key) const {
        return sizeof(U) == 1 || size ? reinterpret_cast<std::uint16_t *>(
                                            dynamic_shared<unsigned>() + length<U>())[key]
                                      : __ldg(alpha + entry(key));
    }

  private:
    template <class U> __device__ unsigned length() const { return sizeof(U) == 1 ? 256 : size; }
    __device__ unsigned entry(unsigned row) const {
        return row < rows.classes && row != rows.void_class ? row : rows.classes;
    }
    __device__ unsigned look_up(unsigned row) const {
        return (__ldg(lut + entry(row)) & 0xffffff) | (row > rows.classes ? wrong : 0);
    }
};

inline Colors colors_of(const LabelRange &range, DType dtype, const std::uint32_t *lut,
                        const std::uint16_t *alpha) {
    Colors colors{label_rows(range, dtype), lut, alpha, 0};
    if (dtype == DType::u8 || dtype == DType::i8)
        colors.size = 256;
    else if (colors.rows.classes + 2 <= Colors::most)
        colors.size = colors.rows.classes + 2;
    return colors;
}

template <int bytes> struct Chunk; // that is read at once
template <> struct Chunk<16> {
    using type = uint4;
};
template <> struct Chunk<8> {
    using type = uint2;
};
template <> struct Chunk<4> {
    using type = unsigned;
};

// Labels that lie next to each other.
template <class U, int count> __device__ void read_labels(U (&to)[count], const char *from) {
    using Part = typename Chunk<(sizeof(to) < 16 ? sizeof(to) : 16)>::type;
    constexpr int parts = count * sizeof(U) / sizeof(Part);
    Part part[parts];
    for (int i = 0; i < parts; ++i) part[i] = __ldcs(reinterpret_cast<const Part *>(from) + i);
    memcpy(to, part, sizeof(to));
}

// Whether labels from `from` on may be read so.
template <class U, int count>
__device__ bool read_together(const char *from, const LabelView &labels) {
    constexpr unsigned bytes = sizeof(U) * count < 16 ? sizeof(U) * count : 16;
    return labels.stride_w == static_cast<std::int64_t>(sizeof(U)) && misaligned(from, bytes) == 0;
}

} // namespace segpost::gpu
