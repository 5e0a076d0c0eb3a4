// What pixels of a tile send to lattices. Only included by crf_pixels.simd.cpp.
#pragma once

#include "cpu/crf/messages.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// Onto `sums`, a row of `length` labels a vertex of the tile; `values` begin at those of them.
template <class V> void splat_lattice(const Line &line, const CrfLattice &lattice,
                                      const float *__restrict values, std::int64_t length,
                                      float *__restrict sums) {
    in_parts<V>(length, [&](auto part) {
        with_corners(lattice.corners, [&](auto known) {
            constexpr int n = decltype(part)::n, w = decltype(part)::w;
            constexpr int fixed = decltype(known)::n;
            const std::int64_t pitch = part.row(), corners = fixed ? fixed : lattice.corners;
            const std::int64_t step = line.step * corners, row = line.pass.row;
            const std::uint16_t *corner = lattice.corner + line.first * corners;
            const float *weight = lattice.weight + line.first * corners;
            const float *from = values + part.at;
            for (std::int64_t i = 0; i < line.count; ++i, from += row) {
                V q[n];
                for (int j = 0; j < n; ++j) q[j] = load<V>(from + j * w);
                if (lattice.before) {
                    const V factor = broadcast<V>(lattice.before[line.pixel(i)]);
                    for (int j = 0; j < n; ++j) q[j] *= factor;
                }
                for (std::int64_t k = 0; k < corners; ++k) {
                    const V factor = broadcast<V>(weight[i * step + k]);
                    float *to = sums + corner[i * step + k] * pitch + part.at;
                    for (int j = 0; j < n; ++j)
                        store(to + j * w, fma(factor, q[j], load<V>(to + j * w)));
                }
            }
        });
    });
}

// What the pixels of a tile have added up becomes its rows of the lattice, from label `at` on;
// `step` floats lead from one vertex to the next.
template <class V> void store_tile_sums(const CrfTile &tile, const CrfLattice &lattice,
                                        std::int64_t at, std::int64_t length,
                                        const float *__restrict tile_sums, std::int64_t step) {
    const std::int64_t first = lattice.start[tile.index];
    const std::int64_t count = lattice.start[tile.index + 1] - first;
    const V scale = broadcast<V>(lattice.scale);
    with_storage(lattice.storage, [&](auto stored) {
        using T = decltype(stored);
        const std::int64_t pitch = lattice.storage.pitch;
        T *const rows = rows_from<T>(lattice, lattice.sums, at) + first * pitch;
        in_parts<V>(length, [&](auto part) {
            constexpr int n = decltype(part)::n, w = decltype(part)::w;
            T *to = rows + part.at;
            const float *from = tile_sums + part.at;
            for (std::int64_t v = 0; v < count; ++v, to += pitch, from += step)
                for (int j = 0; j < n; ++j) store_values(to + j * w, load<V>(from + j * w) * scale);
        });
    });
}

// The sums of a tile for all lattices, as its lines are visited; where they are more than a cache,
// once all lines have been, a block of labels at a time.
template <class V> class Splat {
  public:
    Splat(const CrfPass &pass, const CrfTile &tile, Scratch &scratch)
        : pass_(pass), tile_(tile), lines_first_(lines_first(pass, tile)),
          sums_(scratch.take<float>(size(pass, tile))) {
        if (pass.splat && !lines_first_) clear(size(pass, tile));
    }
    // Floats of the sums.
    static std::int64_t size(const CrfPass &pass, const CrfTile &tile) {
        std::int64_t most = 0, sum = 0;
        for (std::int64_t t = 0; t < pass.lattice_count; ++t) {
            most = max(most, vertices(pass.lattices[t], tile));
            sum += vertices(pass.lattices[t], tile);
        }
        if (!pass.splat) return 0;
        return lines_first(pass, tile) ? most * min(pass.row, block_labels) : sum * pass.row;
    }
    // Floats of the Q of all lines that is kept for that.
    static std::int64_t kept_size(const CrfPass &pass, const CrfTile &tile) {
        return lines_first(pass, tile) ? tile.pixels() * pass.row : 0;
    }
    // Where the Q of the next line belongs.
    float *add(const Line &line, float *q) {
        if (lines_first_) return q + line.count * pass_.row;
        float *sums = sums_;
        for (std::int64_t t = 0; t < pass_.lattice_count; ++t) {
            splat_lattice<V>(line, pass_.lattices[t], q, pass_.row, sums);
            sums += vertices(pass_.lattices[t], tile_) * pass_.row;
        }
        return q;
    }
    void store(const float *q) {
        float *sums = sums_;
        for (std::int64_t t = 0; pass_.splat && t < pass_.lattice_count; ++t) {
            const CrfLattice &lattice = pass_.lattices[t];
            const std::int64_t count = vertices(lattice, tile_);
            for (std::int64_t at = 0; at < pass_.row; at += block_labels) {
                const std::int64_t length = min(block_labels, pass_.row - at);
                if (!lines_first_) {
                    store_tile_sums<V>(tile_, lattice, at, length, sums + at, pass_.row);
                    continue;
                }
                clear(count * length);
                add_lines(lattice, q + at, length);
                store_tile_sums<V>(tile_, lattice, at, length, sums, length);
            }
            if (!lines_first_) sums += count * pass_.row;
        }
    }

  private:
    const CrfPass &pass_;
    const CrfTile &tile_;
    bool lines_first_;
    float *sums_;

    static std::int64_t vertices(const CrfLattice &lattice, const CrfTile &tile) {
        return lattice.start[tile.index + 1] - lattice.start[tile.index];
    }
    static bool lines_first(const CrfPass &pass, const CrfTile &tile) {
        constexpr std::int64_t second_level_cache = 1 << 20;
        std::int64_t sum = 0;
        for (std::int64_t t = 0; pass.splat && t < pass.lattice_count; ++t)
            sum += vertices(pass.lattices[t], tile);
        return sum * pass.row * 4 > second_level_cache;
    }
    void clear(std::int64_t count) {
        __builtin_memset(sums_, 0, static_cast<std::size_t>(count) * 4);
    }
    void add_lines(const CrfLattice &lattice, const float *q, std::int64_t length) {
        const CrfSample &sample = pass_.sample;
        for (std::int64_t y = tile_.y0 + sample.y; y < tile_.y1; y += sample.step) {
            const Line line(pass_, tile_, y, sample);
            splat_lattice<V>(line, lattice, q, length, sums_);
            q += line.count * pass_.row;
        }
    }
};

} // namespace
} // namespace segpost::SEGPOST_LEVEL
