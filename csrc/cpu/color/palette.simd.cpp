// colorize, overlay and labels_from_colors, row by row.
#include "cpu/color/color.hpp"
#include "cpu/runtime/kernel_table.hpp"
#include "cpu/simd/narrow.hpp"
#include "cpu/simd/read_pixels.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// An unsigned label never equals a negative ignore_index, whatever it looks like as an int64.
template <class L> bool can_ignore(const LabelRange &range) {
    constexpr bool is_signed = static_cast<L>(-1) < static_cast<L>(0);
    return range.has_ignore && (is_signed || range.ignore_index >= 0);
}

// The palette row of every label of a row; void's where there is none.
template <class L> void find_entries(const char *row, std::int64_t step, std::int64_t count,
                                     const LabelRange &range, std::int32_t *entry) {
    const std::int32_t none = static_cast<std::int32_t>(range.classes);
    const bool ignores = can_ignore<L>(range);
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t value =
            static_cast<std::int64_t>(*reinterpret_cast<const L *>(row + i * step));
        const bool inside = value >= 0 && value < range.classes;
        const bool ignored = ignores && value == range.ignore_index;
        entry[i] = inside && !ignored ? static_cast<std::int32_t>(value) : none;
    }
}

// Adds the labels of a row that are neither a class nor ignored.
template <class L> void find_errors(const char *row, std::int64_t step, std::int64_t count,
                                    const LabelRange &range, std::int64_t place,
                                    LabelErrors &errors) {
    const bool ignores = can_ignore<L>(range);
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t value =
            static_cast<std::int64_t>(*reinterpret_cast<const L *>(row + i * step));
        const bool inside = value >= 0 && value < range.classes;
        if (!inside && !(ignores && value == range.ignore_index)) errors.add(place + i);
    }
}

constexpr std::int64_t byte_classes = 255; // labels of up to so many are bytes, and 255 is void

// Labels of a row, as bytes or as rows of the tables.
struct RowLabels {
    const std::uint8_t *bytes = nullptr;
    const std::int32_t *entry = nullptr;
    std::int64_t entries = 0; // rows of the tables that they reach
};

// What bytes look up: a row of the table for all 256 values.
struct ByteTable {
    std::uint32_t color[256];

    ByteTable(const LabelRange &range, const std::uint32_t *lut) {
        for (std::int64_t value = 0; value < 256; ++value) {
            const bool ignored = range.has_ignore && value == range.ignore_index;
            color[value] = lut[value < range.classes && !ignored ? value : range.classes];
        }
    }
};

// Finds and checks the labels of rows. `bytes` and `entry` have room for a row.
struct LabelReader {
    const LabelView &labels;
    const LabelRange &range;
    std::uint8_t *bytes;
    std::int32_t *entry;

    RowLabels read(std::int64_t n, std::int64_t y, LabelErrors &errors) const {
        const char *row = labels.row(n, y);
        const std::int64_t place = (n * labels.h + y) * labels.w;
        RowLabels own;
        bool odd = false;
        if (labels.dtype == DType::u8 && labels.stride_w == 1) {
            own.bytes = reinterpret_cast<const std::uint8_t *>(row);
        } else if (range.classes <= byte_classes) {
            odd = narrow(labels, row, labels.w, true, range.has_ignore ? range.ignore_index : 255,
                         bytes);
            own.bytes = bytes;
        } else {
#define SEGPOST_FIND(L) find_entries<L>(row, labels.stride_w, labels.w, range, entry)
            SEGPOST_EACH_LABEL(labels.dtype, SEGPOST_FIND)
#undef SEGPOST_FIND
            own.entry = entry, own.entries = range.classes + 1;
            for (std::int64_t i = 0; i < labels.w; ++i) odd |= entry[i] == range.classes;
        }
        if (own.bytes) {
            own.entries = largest(own.bytes) + 1;
            if (own.entries > range.classes) odd |= has_wrong(own.bytes);
            if (own.entries > range.classes + 1) use_void_entry(own);
        }
        if (odd) {
#define SEGPOST_FIND(L) find_errors<L>(row, labels.stride_w, labels.w, range, place, errors)
            SEGPOST_EACH_LABEL(labels.dtype, SEGPOST_FIND)
#undef SEGPOST_FIND
        }
        return own;
    }

  private:
    std::uint8_t largest(const std::uint8_t *row) const {
        std::uint8_t most = 0;
        for (std::int64_t i = 0; i < labels.w; ++i) most = row[i] > most ? row[i] : most;
        return most;
    }
    // Bytes above the classes become that of void: smaller tables are looked up faster.
    void use_void_entry(RowLabels &row) const {
        const std::uint8_t nothing = static_cast<std::uint8_t>(range.classes);
        const std::uint8_t *from = row.bytes;
        std::uint8_t *to = bytes;
        for (std::int64_t i = 0, w = labels.w; i < w; ++i)
            to[i] = from[i] < nothing ? from[i] : nothing;
        row.bytes = bytes, row.entries = range.classes + 1;
    }
    // Whether a byte is neither a class nor void. What narrowing made 255 is void there.
    bool has_wrong(const std::uint8_t *row) const {
        const bool fits = range.ignore_index >= 0 && range.ignore_index <= 255;
        const bool has_void = range.has_ignore && (fits || row == bytes);
        const std::uint8_t nothing = static_cast<std::uint8_t>(fits ? range.ignore_index : 255);
        const std::uint8_t classes =
            static_cast<std::uint8_t>(min(range.classes, byte_classes)); // 256: none is wrong
        std::uint8_t wrong = 0;
        for (std::int64_t i = 0; i < labels.w; ++i)
            wrong |= (row[i] >= classes) & !(has_void & (row[i] == nothing));
        return wrong;
    }
};

void look_up(const RowLabels &labels, const std::uint32_t *lut, const ByteTable &bytes,
             std::uint8_t *out, std::int64_t count) {
    if (labels.bytes)
        color_span(labels.bytes, bytes.color, labels.entries, out, count);
    else
        color_span(labels.entry, lut, labels.entries, out, count);
}

// Enough rows for a register load of 32 entries.
void pad_lut(const std::uint32_t *lut, std::int64_t count, std::uint32_t *to) {
    for (std::int64_t i = 0; i < max<std::int64_t>(count, 32); ++i) to[i] = i < count ? lut[i] : 0;
}

// out = (image * (256 - a) + color * a + 128) >> 8 over bytes, one a for all.
void blend_span(const std::uint8_t *image, const std::uint8_t *color, std::uint16_t a,
                std::uint8_t *out, std::int64_t count) {
    const std::uint16_t rest = static_cast<std::uint16_t>(256 - a);
    for (std::int64_t i = 0; i < count; ++i)
        out[i] = static_cast<std::uint8_t>(
            static_cast<std::uint16_t>(image[i] * rest + color[i] * a + 128) >> 8);
}

// The same with an a for each byte, in 0..255; a byte of `opaque` that is not 0 takes the color.
void blend_bytes(const std::uint8_t *image, const std::uint8_t *color, const std::uint8_t *a,
                 const std::uint8_t *opaque, std::uint8_t *out, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
        const std::uint16_t rest = static_cast<std::uint16_t>(256 - a[i]);
        const std::uint8_t mixed = static_cast<std::uint8_t>(
            static_cast<std::uint16_t>(image[i] * rest + color[i] * a[i] + 128) >> 8);
        out[i] = opaque[i] ? color[i] : mixed;
    }
}

// Where a row's pixels lie on a contour: their window holds two different labels.
void find_contour(const OverlayJob &job, std::int64_t n, std::int64_t y, std::int64_t *row,
                  std::int64_t *low, std::int64_t *high, std::uint8_t *on) {
    const LabelView &labels = job.labels;
    const std::int64_t before = job.contour / 2, after = (job.contour + 1) / 2;
    const std::int64_t top = max<std::int64_t>(y - before, 0),
                       bottom = min(y + after, labels.h - 1);
    for (std::int64_t r = top; r <= bottom; ++r) {
        widen_labels(labels, n, r, 0, labels.w, row);
        for (std::int64_t x = 0; x < labels.w; ++x) {
            low[x] = r == top ? row[x] : min(low[x], row[x]);
            high[x] = r == top ? row[x] : max(high[x], row[x]);
        }
    }
    for (std::int64_t x = 0; x < labels.w; ++x) {
        std::int64_t least = low[x], most = high[x];
        const std::int64_t right = min(x + after, labels.w - 1);
        for (std::int64_t i = max<std::int64_t>(x - before, 0); i <= right; ++i) {
            least = min(least, low[i]);
            most = max(most, high[i]);
        }
        on[x] = least != most;
    }
}

struct OverlayScratch {
    std::int32_t *entry;
    std::uint8_t *bytes;
    std::uint32_t *lut, *weight_lut, *opaque_lut;
    std::uint8_t *color, *pixels, *weight, *opaque, *on;
    std::int64_t *row, *low, *high;

    OverlayScratch(const OverlayJob &job, Scratch &scratch) {
        const std::int64_t w = job.labels.w;
        const std::int64_t padded = max<std::int64_t>(job.range.classes + 1, 32);
        entry = scratch.take<std::int32_t>(w);
        bytes = scratch.take<std::uint8_t>(w);
        lut = scratch.take<std::uint32_t>(padded);
        weight_lut = scratch.take<std::uint32_t>(padded);
        opaque_lut = scratch.take<std::uint32_t>(padded);
        color = scratch.take<std::uint8_t>(3 * w);
        pixels = scratch.take<std::uint8_t>(3 * w);
        weight = scratch.take<std::uint8_t>(3 * w);
        opaque = scratch.take<std::uint8_t>(3 * w);
        on = scratch.take<std::uint8_t>(job.contour ? w : 0);
        row = scratch.take<std::int64_t>(job.contour ? w : 0);
        low = scratch.take<std::int64_t>(job.contour ? w : 0);
        high = scratch.take<std::int64_t>(job.contour ? w : 0);
    }
};

} // namespace

std::int64_t colorize_scratch(const ColorizeJob &job) {
    Scratch scratch(nullptr);
    scratch.take<std::int32_t>(job.labels.w);
    scratch.take<std::uint8_t>(job.labels.w);
    scratch.take<std::uint32_t>(max<std::int64_t>(job.range.classes + 1, 32));
    return scratch.used();
}

void colorize(const ColorizeJob &job, const Rows &rows, char *memory, LabelErrors &errors) {
    Scratch scratch(memory);
    std::int32_t *entry = scratch.take<std::int32_t>(job.labels.w);
    std::uint8_t *row = scratch.take<std::uint8_t>(job.labels.w);
    std::uint32_t *lut = scratch.take<std::uint32_t>(max<std::int64_t>(job.range.classes + 1, 32));
    pad_lut(job.lut, job.range.classes + 1, lut);
    const ByteTable bytes(job.range, job.lut);
    const LabelReader reader{job.labels, job.range, row, entry};
    for (std::int64_t y = rows.y0; y < rows.y1; ++y)
        look_up(reader.read(rows.n, y, errors), lut, bytes,
                reinterpret_cast<std::uint8_t *>(job.out.row(rows.n, y)), job.labels.w);
}

std::int64_t overlay_scratch(const OverlayJob &job) {
    Scratch scratch(nullptr);
    OverlayScratch pieces(job, scratch);
    return scratch.used();
}

void overlay(const OverlayJob &job, const Rows &rows, char *memory, LabelErrors &errors) {
    Scratch scratch(memory);
    const OverlayScratch work(job, scratch);
    const std::int64_t w = job.labels.w, entries = job.range.classes + 1;
    pad_lut(job.lut, entries, work.lut);
    bool even = true, any_opaque = false; // even: one alpha for all classes
    for (std::int64_t k = 0; k < entries; ++k) {
        even &= job.alpha[k] == job.alpha[0];
        const std::uint32_t alpha = job.alpha[k], all = 0x010101;
        any_opaque |= alpha == 256;
        work.weight_lut[k] = alpha % 256 * all;
        work.opaque_lut[k] = alpha / 256 * all;
    }
    pad_lut(work.weight_lut, entries, work.weight_lut);
    pad_lut(work.opaque_lut, entries, work.opaque_lut);
    for (std::int64_t i = 0; i < 3 * w; ++i) work.opaque[i] = 0;
    const ByteTable bytes(job.range, work.lut), weights(job.range, work.weight_lut),
        opaque(job.range, work.opaque_lut);
    const LabelReader reader{job.labels, job.range, work.bytes, work.entry};
    for (std::int64_t y = rows.y0; y < rows.y1; ++y) {
        const RowLabels labels = reader.read(rows.n, y, errors);
        look_up(labels, work.lut, bytes, work.color, w);
        const std::uint8_t *image =
            reinterpret_cast<const std::uint8_t *>(job.image.row(rows.n, y));
        if (!job.image.packed()) {
            read_pixels(job.image, rows.n, y, work.pixels);
            image = work.pixels;
        }
        std::uint8_t *out = reinterpret_cast<std::uint8_t *>(job.out.row(rows.n, y));
        if (even) {
            blend_span(image, work.color, job.alpha[0], out, 3 * w);
        } else {
            look_up(labels, work.weight_lut, weights, work.weight, w);
            if (any_opaque) look_up(labels, work.opaque_lut, opaque, work.opaque, w);
            blend_bytes(image, work.color, work.weight, work.opaque, out, 3 * w);
        }
        if (job.contour) {
            find_contour(job, rows.n, y, work.row, work.low, work.high, work.on);
            for (std::int64_t x = 0; x < w; ++x)
                if (work.on[x]) __builtin_memcpy(out + 3 * x, work.color + 3 * x, 3);
        }
    }
}

std::int64_t labels_from_colors_scratch(const LabelsFromColorsJob &job) {
    return 3 * job.image.w + 64;
}

void labels_from_colors(const LabelsFromColorsJob &job, const Rows &rows, char *memory,
                        LabelErrors &errors) {
    std::uint8_t *pixels = reinterpret_cast<std::uint8_t *>(memory);
    std::uint32_t last = ~0u; // neighbors mostly share their color
    std::int32_t label = 0;
    for (std::int64_t y = rows.y0; y < rows.y1; ++y) {
        read_pixels(job.image, rows.n, y, pixels);
        char *out = job.out.row(rows.n, y);
        for (std::int64_t x = 0; x < job.image.w; ++x) {
            const std::uint32_t key = pixels[3 * x] |
                                      static_cast<std::uint32_t>(pixels[3 * x + 1]) << 8 |
                                      static_cast<std::uint32_t>(pixels[3 * x + 2]) << 16;
            if (key != last) {
                std::int64_t low = 0, high = job.count;
                while (high - low > 1) {
                    const std::int64_t middle = (low + high) / 2;
                    (job.keys[middle] <= key ? low : high) = middle;
                }
                const bool known = job.keys[low] == key;
                label = known ? job.values[low] : 0;
                last = known ? key : ~0u;
                if (!known) errors.add((rows.n * job.image.h + y) * job.image.w + x);
            }
            if (job.out.dtype == DType::u8)
                reinterpret_cast<std::uint8_t *>(out)[x] = static_cast<std::uint8_t>(label);
            else
                reinterpret_cast<std::int32_t *>(out)[x] = label;
        }
    }
}

} // namespace segpost::SEGPOST_LEVEL
