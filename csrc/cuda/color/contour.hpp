// Where pixels lie on a contour: their window, clipped to the image, holds two different labels.
//
// A window is connected, so it holds two if two of its pixels that are neighbors differ. One bit
// for each pair of neighbors, spread over as many places as the window is long first along the
// rows, then across them, is the contour.
#pragma once

#include "cuda/color/spans.hpp"

namespace segpost::gpu {

constexpr int tile_rows = 32, tile_columns = 128, most_contour = 64;
constexpr int word_bits = 32; // pixels, of a row
static_assert(warp_size == word_bits, "a warp makes a word of a row at a time");

// The contour of one tile, made by a block in shared memory.
struct Contour {
    static constexpr int rows = tile_rows + most_contour;
    static constexpr int words = (tile_columns + most_contour) / word_bits;
    unsigned pairs[2][rows][words]; // the pixel and its right one, the pixel and the one below
    unsigned on[tile_rows][tile_columns / word_bits];

    template <class U> __device__ void find(const LabelView &labels, std::int64_t n,
                                            std::int64_t y0, std::int64_t x0, int width) {
        const std::int64_t below = labels.h - y0;
        const int inner = below < tile_rows ? static_cast<int>(below) : tile_rows;
        const int outer = inner + width;
        find_pairs<U>(labels, n, y0 - width / 2, x0 - width / 2, outer,
                      (tile_columns + width + word_bits - 1) / word_bits);
        __syncthreads();
        for (unsigned i = threadIdx.x; i < 2u * static_cast<unsigned>(outer); i += block_size)
            // Of pairs the window holds one less in the direction in which they lie.
            spread(pairs[i & 1][i / 2], width + static_cast<int>(i & 1));
        __syncthreads();
        for (unsigned i = threadIdx.x; i < tile_rows * tile_columns / word_bits; i += block_size) {
            const int row = static_cast<int>(i) * word_bits / tile_columns;
            const int word = static_cast<int>(i) % (tile_columns / word_bits);
            if (row >= inner) break;
            unsigned any = pairs[0][row + width][word];
            for (int k = 0; k < width; ++k)
                any |= pairs[0][row + k][word] | pairs[1][row + k][word];
            on[row][word] = any;
        }
        __syncthreads();
    }

  private:
    // Every warp takes some rows that follow each other.
    template <class U> __device__ void find_pairs(const LabelView &labels, std::int64_t n,
                                                  std::int64_t y0, std::int64_t x0, int count,
                                                  int used) {
        const int lane = static_cast<int>(lane_index());
        const int share = (count + static_cast<int>(warps_of_block) - 1) / warps_of_block;
        const int first = static_cast<int>(warp_index()) * share;
        const int last = first + share < count ? first + share : count;
        for (int word = 0; word < words; ++word) {
            const std::int64_t x = x0 + word_bits * word + lane;
            const bool inside = x >= 0 && x < labels.w, right = x >= 0 && x + 1 < labels.w;
            const auto label = [&](std::int64_t y, std::int64_t column, bool there) {
                return there && y >= 0 && y < labels.h
                           ? *reinterpret_cast<const U *>(labels.row(n, y) +
                                                          column * labels.stride_w)
                           : U{};
            };
            const bool any = word < used;
            U here = label(y0 + first, x, any && inside && first < last);
            for (int row = first; row < last; ++row) {
                const std::int64_t y = y0 + row;
                const U next = label(y, x + 1, any && right),
                        under = label(y + 1, x, any && inside);
                const bool on_rows = y >= 0 && y + 1 < labels.h;
                const unsigned across = __ballot_sync(all_lanes, any && right && here != next);
                const unsigned down =
                    __ballot_sync(all_lanes, any && inside && on_rows && here != under);
                if (lane == 0) pairs[0][row][word] = across, pairs[1][row][word] = down;
                here = under;
            }
        }
    }

    // Every bit becomes the union of `count` that begin with it.
    static __device__ void spread(unsigned (&row)[words], int count) {
        unsigned bits[words + 1];
        for (int k = 0; k < words; ++k) bits[k] = row[k];
        bits[words] = 0;
        for (int covered = 1; covered < count;) {
            const int by = covered < count - covered ? covered : count - covered; // a word at most
            for (int k = 0; k < words; ++k) {
                const unsigned long long both =
                    static_cast<unsigned long long>(bits[k + 1]) << word_bits | bits[k];
                bits[k] |= static_cast<unsigned>(both >> by);
            }
            covered += by;
        }
        for (int k = 0; k < words; ++k) row[k] = bits[k];
    }
};

} // namespace segpost::gpu
