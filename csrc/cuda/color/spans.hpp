// Rows of pixels, cut into spans that a warp takes at a time. Three words hold as many RGB pixels
// as a word has bytes, so that every row has a place near its start where groups of so many pixels
// begin at a word, wherever the row itself begins.
#pragma once

#include "gpu.hpp"

#include "cuda/runtime/division.hpp"
#include "cuda/runtime/errors.hpp"
#include "ops/view.hpp"

#include <algorithm>

namespace segpost::gpu {

template <int pixels> struct WordOf; // as many bytes as a group has pixels
template <> struct WordOf<16> {
    using type = uint4;
};
template <> struct WordOf<4> {
    using type = unsigned;
};

// Shared memory through which the lanes of a warp exchange the words of a span, so that
// memory sees neighboring words of neighboring lanes.
template <int pixels> struct Stage {
    using Word = typename WordOf<pixels>::type;
    Word words[3 * warp_size];

    // Words of `groups` groups at `from`; each lane gets the three of its own.
    __device__ void read(const char *from, unsigned groups, unsigned lane, Word (&to)[3]) {
        for (unsigned i = lane; i < 3 * groups; i += warp_size)
            words[i] = __ldcs(reinterpret_cast<const Word *>(from) + i);
        __syncwarp();
        for (unsigned k = 0; k < 3; ++k) to[k] = words[3 * lane + k];
        __syncwarp();
    }
    __device__ void write(char *to, unsigned groups, unsigned lane, const Word (&from)[3]) {
        for (unsigned k = 0; k < 3; ++k) words[3 * lane + k] = from[k];
        __syncwarp();
        for (unsigned i = lane; i < 3 * groups; i += warp_size)
            reinterpret_cast<Word *>(to)[i] = words[i];
        __syncwarp();
    }
};

__device__ __forceinline__ unsigned misaligned(const void *memory, unsigned bytes) {
    return static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(memory)) & (bytes - 1);
}

// A span of pixels as groups that begin at words, and what is left over before and after them:
// fewer pixels than a warp has lanes.
struct Cut {
    unsigned head, groups, rest;

    // For packed RGB at `start`: -1/3 is 5, of 16 as of 4.
    template <int pixels> static __device__ Cut of(const char *start, unsigned count) {
        Cut cut;
        cut.head = 5 * misaligned(start, pixels) & (pixels - 1);
        cut.head = cut.head < count ? cut.head : count;
        cut.groups = (count - cut.head) / pixels;
        cut.rest = count - cut.groups * pixels;
        return cut;
    }
    // Which pixel of the span the i-th of those left over is.
    template <int pixels> __device__ unsigned left_over(unsigned i) const {
        return i < head ? i : i + groups * pixels;
    }
};

// Four packed pixels from three words to 0x00bbggrr, and back.
__device__ __forceinline__ void unpack(unsigned a, unsigned b, unsigned c, unsigned (&to)[4]) {
    to[0] = a & 0xffffff;
    to[1] = a >> 24 | (b & 0xffff) << 8;
    to[2] = b >> 16 | (c & 0xff) << 16;
    to[3] = c >> 8;
}
__device__ __forceinline__ void pack(const unsigned (&from)[4], unsigned &a, unsigned &b,
                                     unsigned &c) {
    a = from[0] | from[1] << 24;
    b = from[1] >> 8 | from[2] << 16;
    c = from[2] >> 16 | from[3] << 8;
}

__device__ __forceinline__ void unpack(const unsigned (&words)[3], unsigned (&to)[4]) {
    unpack(words[0], words[1], words[2], to);
}
__device__ __forceinline__ void pack(const unsigned (&from)[4], unsigned (&words)[3]) {
    pack(from, words[0], words[1], words[2]);
}
__device__ __forceinline__ void unpack(const uint4 (&words)[3], unsigned (&to)[16]) {
    const unsigned flat[12] = {words[0].x, words[0].y, words[0].z, words[0].w,
                               words[1].x, words[1].y, words[1].z, words[1].w,
                               words[2].x, words[2].y, words[2].z, words[2].w};
    for (int i = 0; i < 4; ++i) {
        unsigned four[4];
        unpack(flat[3 * i], flat[3 * i + 1], flat[3 * i + 2], four);
        for (int k = 0; k < 4; ++k) to[4 * i + k] = four[k];
    }
}
__device__ __forceinline__ void pack(const unsigned (&from)[16], uint4 (&words)[3]) {
    unsigned flat[12];
    for (int i = 0; i < 4; ++i) {
        const unsigned four[4] = {from[4 * i], from[4 * i + 1], from[4 * i + 2], from[4 * i + 3]};
        pack(four, flat[3 * i], flat[3 * i + 1], flat[3 * i + 2]);
    }
    for (int k = 0; k < 3; ++k)
        words[k] = make_uint4(flat[4 * k], flat[4 * k + 1], flat[4 * k + 2], flat[4 * k + 3]);
}

// One pixel of any strides.
__device__ __forceinline__ unsigned pixel_at(const char *pixel, std::int64_t channel) {
    const auto byte = [&](int k) {
        return static_cast<unsigned>(static_cast<std::uint8_t>(pixel[k * channel]));
    };
    return byte(0) | byte(1) << 8 | byte(2) << 16;
}
__device__ __forceinline__ void put_pixel(char *packed, unsigned color) {
    packed[0] = static_cast<char>(color);
    packed[1] = static_cast<char>(color >> 8);
    packed[2] = static_cast<char>(color >> 16);
}

// Rows, then images, that follow each other without a gap in all maps are one row. Pixels keep
// their flat indices.
template <class... Maps> void merge_rows(Maps &...maps) {
    const auto each = [&](const auto &visit) { (visit(static_cast<LabelView &>(maps)), ...); };
    bool rows = true, images = true;
    each([&](const LabelView &map) { rows &= map.h == 1 || map.stride_h == map.w * map.stride_w; });
    if (!rows) return;
    each([](LabelView &map) { map.w *= map.h, map.h = 1; });
    each([&](const LabelView &map) {
        images &= map.n == 1 || map.stride_n == map.w * map.stride_w;
    });
    if (images) each([](LabelView &map) { map.w *= map.n, map.n = 1; });
}

// Enough blocks to fill the device; each goes on to the next work when it is done.
inline dim3 blocks_for(std::int64_t work, std::int64_t of_block) {
    const std::int64_t most = 8 * limits().processors;
    return dim3(static_cast<unsigned>(std::min((work + of_block - 1) / of_block, most)));
}

} // namespace segpost::gpu
