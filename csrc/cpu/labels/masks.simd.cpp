// binarize: masks, their bits, labels of masks, or runs, of logits with or without resampling.
#include "cpu/labels/mask_rows.hpp"
#include "cpu/runtime/kernel_table.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr std::int64_t strip = 64; // columns of the image whose runs are computed together

// Sets bits [begin, end) of a row, the first of a byte being its highest.
void set_bits(std::uint8_t *row, std::int64_t begin, std::int64_t end) {
    const std::int64_t first = begin / 8, last = (end - 1) / 8;
    const unsigned head = 0xffu >> (begin % 8), tail = 0xff00u >> ((end - 1) % 8 + 1);
    if (first == last) {
        row[first] |= static_cast<std::uint8_t>(head & tail);
        return;
    }
    row[first] |= static_cast<std::uint8_t>(head);
    for (std::int64_t i = first + 1; i < last; ++i) row[i] = 0xff;
    row[last] |= static_cast<std::uint8_t>(tail);
}

// Eight bytes of 0 and 1 a byte.
void pack_bits(const std::uint8_t *flags, std::int64_t count, std::uint8_t *to) {
    std::int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
        std::uint64_t eight;
        __builtin_memcpy(&eight, flags + i, 8);
        to[i / 8] = static_cast<std::uint8_t>(eight * 0x8040201008040201ull >> 56);
    }
    if (i == count) return;
    unsigned rest = 0;
    for (std::int64_t j = i; j < count; ++j) rest |= static_cast<unsigned>(flags[j]) << (7 - j % 8);
    to[i / 8] = static_cast<std::uint8_t>(rest);
}

template <class V> void fill(V *row, std::int64_t begin, std::int64_t end, V value) {
    for (std::int64_t x = begin; x < end; ++x) row[x] = value;
}

// The output row of an image, or of one of its masks.
char *row_of(const BinarizeJob &job, std::int64_t n, std::int64_t c, std::int64_t y) {
    const std::int64_t plane = job.encoding == MaskEncoding::labels ? 0 : c * job.out_c;
    return job.out + n * job.out_n + plane + y * job.out_h;
}

std::int64_t row_bytes(const BinarizeJob &job) {
    switch (job.encoding) {
    case MaskEncoding::bytes: return job.width();
    case MaskEncoding::bits: return (job.width() + 7) / 8;
    default: return job.width() * (job.narrow ? 1 : 4);
    }
}

// Writes one row of a channel of which only set pixels are written: the row was clear.
template <class Changes> __attribute__((always_inline)) inline void
write_row(const BinarizeJob &job, std::int64_t c, char *to, const Changes &changes) {
    std::uint8_t *bytes = reinterpret_cast<std::uint8_t *>(to);
    std::int64_t begin = -1;
    const auto pairs = [&](const auto &write) {
        changes([&](std::int64_t x) {
            if (begin < 0) {
                begin = x;
            } else {
                write(begin, x);
                begin = -1;
            }
        });
    };
    if (job.encoding == MaskEncoding::bytes) {
        pairs([&](std::int64_t x0, std::int64_t x1) {
            __builtin_memset(bytes + x0, 1, static_cast<std::size_t>(x1 - x0));
        });
    } else if (job.encoding == MaskEncoding::bits) {
        pairs([&](std::int64_t x0, std::int64_t x1) { set_bits(bytes, x0, x1); });
    } else if (job.narrow) {
        const int value = job.values[c];
        pairs([&](std::int64_t x0, std::int64_t x1) {
            __builtin_memset(bytes + x0, value, static_cast<std::size_t>(x1 - x0));
        });
    } else {
        pairs([&](std::int64_t x0, std::int64_t x1) {
            fill(reinterpret_cast<std::int32_t *>(to), x0, x1, job.values[c]);
        });
    }
}

// Rows of cells: all channels of one after another, because labels need them so.
template <class T> void binarize_cells(const BinarizeJob &job, const MaskTile &area, char *memory,
                                       LogitErrors &errors) {
    const Tile &tile = area.tile;
    const std::int64_t end = job.y.start[tile.y1];
    const std::size_t size = static_cast<std::size_t>(row_bytes(job));
    const std::int64_t planes = job.encoding == MaskEncoding::labels ? 1 : area.c1 - area.c0;
    for (std::int64_t c = area.c0; c < area.c0 + planes; ++c)
        for (std::int64_t y = tile.row0; y < min(end, tile.row1); ++y)
            __builtin_memset(row_of(job, tile.n, c, y), 0, size);
    Scratch scratch(memory);
    PlaneRows<T> rows(job, scratch);
    const bool counts = tile.row0 == job.y.start[tile.y0];
    for (std::int64_t c = area.c0; c < area.c1; ++c)
        for (std::int64_t cell = tile.y0; cell < tile.y1; ++cell) {
            rows.read(tile.n, c, cell, cell == tile.y0, counts, errors);
            const std::int64_t y1 = min<std::int64_t>(job.y.start[cell + 1], tile.row1);
            for (std::int64_t y = max<std::int64_t>(job.y.start[cell], tile.row0); y < y1; ++y)
                write_row(job, c, row_of(job, tile.n, c, y),
                          [&](const auto &emit) { rows.changes(y, errors, emit); });
        }
}

// Reads `count` logits of a channel from column x on, and compares them with its cutoff.
template <class T> void compare_row(const BinarizeJob &job, std::int64_t n, std::int64_t c,
                                    std::int64_t y, std::int64_t x, std::int64_t count, T *buffer,
                                    std::uint8_t *flags, LogitErrors &errors) {
    Logits plane = job.logits;
    plane.data += c * plane.stride_c;
    plane.c = 1;
    const T *values = buffer;
    if (plane.stride_w == static_cast<std::int64_t>(sizeof(T)) &&
        plane.dtype == (sizeof(T) == 4 ? DType::f32 : DType::f64))
        values = reinterpret_cast<const T *>(plane.row(n, y)) + x;
    else
        load_row(buffer, count, plane, n, y, x, count, nullptr);
    const T last = static_cast<T>(job.levels[c].last);
    bool has_nan = false;
    for (std::int64_t i = 0; i < count; ++i) {
        flags[i] = values[i] > last;
        has_nan |= values[i] != values[i];
    }
    if (__builtin_expect(!has_nan, 1)) return;
    for (std::int64_t i = 0; i < count; ++i)
        if (is_nan(values[i])) {
            errors.add_nan(1, (n * job.logits.h + y) * job.logits.w + x + i);
            errors.add_undefined(1, ((n * job.logits.c + c) * job.logits.h + y) * job.logits.w + x +
                                        i);
        }
}

template <class T> void binarize_pixels(const BinarizeJob &job, const MaskTile &area, char *memory,
                                        LogitErrors &errors) {
    const Tile &tile = area.tile;
    const std::int64_t width = job.width();
    Scratch scratch(memory);
    T *buffer = scratch.take<T>(width);
    std::uint8_t *flags = scratch.take<std::uint8_t>(width);
    for (std::int64_t y = tile.y0; y < tile.y1; ++y)
        for (std::int64_t c = area.c0; c < area.c1; ++c) {
            std::uint8_t *to = reinterpret_cast<std::uint8_t *>(row_of(job, tile.n, c, y));
            const bool direct = job.encoding == MaskEncoding::bytes;
            compare_row(job, tile.n, c, y, 0, width, buffer, direct ? to : flags, errors);
            if (job.encoding == MaskEncoding::bits) pack_bits(flags, width, to);
            if (job.encoding != MaskEncoding::labels) continue;
            const std::int32_t value = job.values[c];
            std::int32_t *wide = reinterpret_cast<std::int32_t *>(to);
            for (std::int64_t x = 0; job.narrow && x < width; ++x)
                to[x] = flags[x] ? static_cast<std::uint8_t>(value) : (c ? to[x] : 0);
            for (std::int64_t x = 0; !job.narrow && x < width; ++x)
                wide[x] = flags[x] ? value : (c ? wide[x] : 0);
        }
}

template <class T> void runs_of_cells(const BinarizeJob &job, const MaskTile &area, char *memory,
                                      RunSink &sink, LogitErrors &errors) {
    const Tile &tile = area.tile;
    Scratch scratch(memory);
    PlaneRows<T> rows(job, scratch);
    const bool counts = tile.row0 == job.y.start[tile.y0];
    const std::int64_t width = job.width();
    for (std::int64_t cell = tile.y0; cell < tile.y1; ++cell) {
        rows.read(tile.n, area.c0, cell, cell == tile.y0, counts, errors);
        const std::int64_t y1 = min<std::int64_t>(job.y.start[cell + 1], tile.row1);
        for (std::int64_t y = max<std::int64_t>(job.y.start[cell], tile.row0); y < y1; ++y) {
            sink.reserve(width + 1);
            rows.changes(y, errors, [&](std::int64_t x) { sink.add(y * width + x); });
        }
    }
}

// Columns [tile.x0, tile.x1), at most `strip`, of an image that is read by rows.
template <class T> void runs_of_pixels(const BinarizeJob &job, const MaskTile &area, char *memory,
                                       RunSink &sink, LogitErrors &errors) {
    const Tile &tile = area.tile;
    const std::int64_t height = job.logits.h, columns = tile.x1 - tile.x0;
    Scratch scratch(memory);
    T *buffer = scratch.take<T>(strip);
    std::uint8_t *flags = scratch.take<std::uint8_t>(strip);
    std::uint8_t *bits = scratch.take<std::uint8_t>(strip);
    std::int32_t *changes = scratch.take<std::int32_t>(strip * height); // rows, column by column
    std::int32_t *count = scratch.take<std::int32_t>(strip);
    for (std::int64_t x = 0; x < strip; ++x) count[x] = 0, flags[x] = 0;
    for (std::int64_t x = 0; x < strip; ++x) bits[x] = 0;
    for (std::int64_t y = 0; y < height; ++y) {
        compare_row(job, tile.n, area.c0, y, tile.x0, columns, buffer, flags, errors);
        for (std::uint64_t changed = differing_bytes(flags, bits); changed;
             changed &= changed - 1) {
            const int x = __builtin_ctzll(changed);
            changes[x * height + count[x]++] = static_cast<std::int32_t>(y);
            bits[x] = flags[x];
        }
    }
    for (std::int64_t x = 0; x < columns; ++x) {
        const std::int64_t start = (tile.x0 + x) * height;
        sink.reserve(count[x] + 1);
        for (std::int32_t i = 0; i < count[x]; ++i) sink.add(start + changes[x * height + i]);
        if (bits[x]) sink.add(start + height);
    }
}

} // namespace

std::int64_t binarize_scratch(const BinarizeJob &job) {
    Scratch scratch(nullptr);
    if (job.resample) {
        PlaneRows<double> rows(job, scratch);
        return scratch.used();
    }
    const std::int64_t width = max(job.width(), strip);
    return width * 9 + strip * (4 * job.logits.h + 16) + 1024;
}

// A tile has all columns.
void binarize(const BinarizeJob &job, const MaskTile &area, char *memory, LogitErrors &errors) {
    if (fits_float(job.logits.dtype))
        job.resample ? binarize_cells<float>(job, area, memory, errors)
                     : binarize_pixels<float>(job, area, memory, errors);
    else
        job.resample ? binarize_cells<double>(job, area, memory, errors)
                     : binarize_pixels<double>(job, area, memory, errors);
}

// Of one channel. A tile has all columns of cells; without resampling all rows, and up to 64
// columns.
void binarize_runs(const BinarizeJob &job, const MaskTile &area, char *memory, RunSink &sink,
                   LogitErrors &errors) {
    if (fits_float(job.logits.dtype))
        job.resample ? runs_of_cells<float>(job, area, memory, sink, errors)
                     : runs_of_pixels<float>(job, area, memory, sink, errors);
    else
        job.resample ? runs_of_cells<double>(job, area, memory, sink, errors)
                     : runs_of_pixels<double>(job, area, memory, sink, errors);
}

} // namespace segpost::SEGPOST_LEVEL
