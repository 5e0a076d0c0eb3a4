// The label with the largest area of every output pixel. Most rectangles have one label, which the
// comparison of rows and of neighbors says; areas are added for the others.
#include "cpu/runtime/kernel_table.hpp"
#include "cpu/simd/label_rows.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr std::uint8_t differs_below = 1, differs_left = 2;

// The input pixels that an output pixel covers along an axis.
struct Extent {
    std::int64_t from, to; // in units
    std::int64_t first, end, unit;

    Extent(std::int64_t i, std::int64_t inputs, std::int64_t outputs)
        : from(i * inputs), to(from + inputs), first(from / outputs), end((to - 1) / outputs + 1),
          unit(outputs) {}
    std::int64_t covered(std::int64_t pixel) const {
        return min((pixel + 1) * unit, to) - max(pixel * unit, from);
    }
};

template <class L> const L *label_row(const MajorityJob &job, std::int64_t n, std::int64_t y) {
    return reinterpret_cast<const L *>(job.labels.row(n, y));
}

// How every column of some rows differs from what is beside it.
template <class L>
void compare(const MajorityJob &job, std::int64_t n, const Extent &rows, std::uint8_t *differs) {
    const std::int64_t width = job.labels.w;
    const L *first = label_row<L>(job, n, rows.first);
    differs[0] = 0;
    for (std::int64_t x = 1; x < width; ++x)
        differs[x] = static_cast<std::uint8_t>(first[x] != first[x - 1] ? differs_left : 0);
    for (std::int64_t y = rows.first + 1; y < rows.end; ++y) {
        const L *row = label_row<L>(job, n, y);
        for (std::int64_t x = 0; x < width; ++x)
            differs[x] =
                static_cast<std::uint8_t>(differs[x] | (row[x] != first[x] ? differs_below : 0));
    }
}

bool has_one_label(const std::uint8_t *differs, const Extent &columns) {
    int found = differs[columns.first] & differs_below;
    for (std::int64_t x = columns.first + 1; x < columns.end; ++x) found |= differs[x];
    return !found;
}

// `areas` are zero before and after.
template <class L> L largest_area(const MajorityJob &job, std::int64_t n, const Extent &rows,
                                  const Extent &columns, std::int64_t *areas) {
    L best = 0;
    std::int64_t best_area = 0;
    for (std::int64_t y = rows.first; y < rows.end; ++y) {
        const L *row = label_row<L>(job, n, y);
        const std::int64_t tall = rows.covered(y);
        for (std::int64_t x = columns.first; x < columns.end; ++x) {
            const L label = row[x];
            const std::int64_t area = areas[label] += tall * columns.covered(x);
            if (area < best_area || (area == best_area && label > best)) continue;
            best = label, best_area = area;
        }
    }
    for (std::int64_t y = rows.first; y < rows.end; ++y)
        for (std::int64_t x = columns.first; x < columns.end; ++x)
            areas[label_row<L>(job, n, y)[x]] = 0;
    return best;
}

template <class L> void resize(const MajorityJob &job, const Rows &part, char *memory) {
    Scratch scratch(memory);
    std::uint8_t *differs = scratch.take<std::uint8_t>(job.labels.w);
    std::int64_t *areas = scratch.take<std::int64_t>(job.count);
    for (std::int64_t label = 0; label < job.count; ++label) areas[label] = 0;
    std::int64_t first = -1, end = -1; // the rows that were compared
    for (std::int64_t i = part.y0; i < part.y1; ++i) {
        const Extent rows(i, job.labels.h, job.out.h);
        if (rows.first != first || rows.end != end) compare<L>(job, part.n, rows, differs);
        first = rows.first, end = rows.end;
        const L *row = label_row<L>(job, part.n, first);
        L *out = reinterpret_cast<L *>(job.out.row(part.n, i));
        for (std::int64_t j = 0; j < job.out.w; ++j) {
            const Extent columns(j, job.labels.w, job.out.w);
            out[j] = has_one_label(differs, columns)
                         ? row[columns.first]
                         : largest_area<L>(job, part.n, rows, columns, areas);
        }
    }
}

} // namespace

std::int64_t resize_majority_scratch(const MajorityJob &job) {
    Scratch scratch(nullptr);
    scratch.take<std::uint8_t>(job.labels.w);
    scratch.take<std::int64_t>(job.count);
    return scratch.used();
}

void resize_majority(const MajorityJob &job, const Rows &part, char *memory) {
    if (job.labels.dtype == DType::u8)
        resize<std::uint8_t>(job, part, memory);
    else
        resize<std::int32_t>(job, part, memory);
}

} // namespace segpost::SEGPOST_LEVEL
