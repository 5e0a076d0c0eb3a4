#include "cpu/metrics/surfaces.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

namespace segpost {
namespace {

// What a value of the maps is: of the target its code and whether it is void.
template <class Code> class CodeTable {
  public:
    explicit CodeTable(const TargetRule &rule) : rule_(rule) {
        for (std::int64_t value = 0; value < small; ++value) {
            target_[value] = target_code(value), preds_[value] = pred_code(value);
            void_[value] = void_code(value);
        }
    }
    Code target(std::int64_t value) const {
        return is_small(value) ? target_[value] : target_code(value);
    }
    Code pred(std::int64_t value) const {
        return is_small(value) ? preds_[value] : pred_code(value);
    }
    // All bits of a void target, otherwise none.
    Code void_bits(std::int64_t value) const {
        return is_small(value) ? void_[value] : void_code(value);
    }

  private:
    static constexpr std::int64_t small = 256;
    static constexpr Code none = CodeMap<Code>::none;

    static bool is_small(std::int64_t value) { return static_cast<std::uint64_t>(value) < small; }
    Code pred_code(std::int64_t value) const {
        return rule_.in_range(value) ? static_cast<Code>(value) : none;
    }
    Code void_code(std::int64_t value) const {
        return rule_.ignored_count && rule_.is_ignored(value) ? none : Code{0};
    }
    Code target_code(std::int64_t value) const {
        return static_cast<Code>(pred_code(value) | void_code(value));
    }

    const TargetRule &rule_;
    Code target_[small], preds_[small], void_[small];
};

template <class T> std::int64_t load_label(const char *from) {
    T value;
    std::memcpy(&value, from, sizeof(T));
    if (sizeof(T) == 8 && !std::numeric_limits<T>::is_signed &&
        static_cast<std::uint64_t>(value) > std::uint64_t{1} << 62)
        return std::numeric_limits<std::int64_t>::max(); // no class, and never void
    return static_cast<std::int64_t>(value);
}

template <class Use> void with_label_type(DType dtype, const Use &use) {
    switch (dtype) {
    case DType::i8: return use(std::int8_t{});
    case DType::u8: return use(std::uint8_t{});
    case DType::i16: return use(std::int16_t{});
    case DType::u16: return use(std::uint16_t{});
    case DType::i32: return use(std::int32_t{});
    case DType::u32: return use(std::uint32_t{});
    case DType::i64: return use(std::int64_t{});
    case DType::u64: return use(std::uint64_t{});
    default: return;
    }
}

// Neighbors by their distance in a grid: those to the sides, or all.
std::vector<std::int64_t> neighbors(const Grid &grid, bool corners) {
    std::vector<std::int64_t> steps;
    const int depth = grid.volume ? 1 : 0;
    for (int z = -depth; z <= depth; ++z)
        for (int y = -1; y <= 1; ++y)
            for (int x = -1; x <= 1; ++x) {
                const int axes = (z != 0) + (y != 0) + (x != 0);
                if (axes == 1 || (corners && axes > 1))
                    steps.push_back(z * grid.plane() + y * grid.pitch() + x);
            }
    return steps;
}

std::int32_t narrow(std::int64_t value) { return static_cast<std::int32_t>(value); }

// Calls use(z, y, x, code) for all codes of the rows but `none`.
template <class Code, class Use> void each_code(const Grid &grid, const std::vector<Code> &codes,
                                                std::int64_t first, std::int64_t last,
                                                const Use &use) {
    constexpr std::int64_t word = 8 / sizeof(Code);
    for (std::int64_t row = first; row < last; ++row) {
        const std::int64_t z = row / grid.height, y = row % grid.height;
        const Code *from = codes.data() + grid.index(z, y, 0);
        for (std::int64_t x = 0; x < grid.width;) {
            std::uint64_t some = 0;
            if (x + word <= grid.width) {
                std::memcpy(&some, from + x, 8);
                if (some == ~std::uint64_t{0}) {
                    x += word;
                    continue;
                }
            }
            const std::int64_t end = std::min(x + word, grid.width);
            for (; x < end; ++x)
                if (from[x] != CodeMap<Code>::none) use(z, y, x, from[x]);
        }
    }
}

template <class Code> void find_corners(const CodeMap<Code> &map, std::int64_t first,
                                        std::int64_t last, std::vector<Element> &out) {
    const Grid &grid = map.grid;
    const int count = grid.volume ? 8 : 4;
    std::int64_t step[8]; // of the pixel of each bit of a code
    for (int bit = 0; bit < count; ++bit)
        step[bit] = -(bit >> 2) * grid.plane() - (bit >> 1 & 1) * grid.pitch() - (bit & 1);
    for (std::int64_t row = first; row < last; ++row) {
        const std::int64_t z = row / (grid.height + 1), y = row % (grid.height + 1);
        const Code *from = map.codes.data() + grid.index(z, y, 0);
        for (std::int64_t x = 0; x <= grid.width; ++x) {
            Code around[8];
            bool is_mixed = false;
            for (int bit = 0; bit < count; ++bit) {
                around[bit] = from[x + step[bit]];
                is_mixed |= around[bit] != around[0];
            }
            if (!is_mixed) continue;
            for (int bit = 0; bit < count; ++bit) {
                const Code label = around[bit];
                if (label == CodeMap<Code>::none ||
                    std::find(around, around + bit, label) != around + bit)
                    continue;
                int code = 0;
                for (int other = bit; other < count; ++other)
                    code |= (around[other] == label) << other;
                out.push_back({std::int32_t{label},
                               {narrow(z), narrow(y), narrow(x)},
                               static_cast<std::uint8_t>(code)});
            }
        }
    }
}

// Pixels with a neighbor in the image that is of another class, or of none.
template <class Code> void find_contours(const CodeMap<Code> &map, bool corners, std::int64_t first,
                                         std::int64_t last, std::vector<Element> &out) {
    const Grid &grid = map.grid;
    const std::vector<std::int64_t> steps = neighbors(grid, corners);
    each_code(
        grid, map.codes, first, last,
        [&](std::int64_t z, std::int64_t y, std::int64_t x, Code label) {
            const std::int64_t depth = grid.volume ? 1 : 0;
            const Code *at = map.codes.data() + grid.index(z, y, x);
            bool is_contour = false;
            if (z >= depth && z + depth < grid.depth && y > 0 && y + 1 < grid.height && x > 0 &&
                x + 1 < grid.width) {
                for (const std::int64_t step : steps) is_contour |= at[step] != label;
            } else {
                for (std::int64_t c = std::max<std::int64_t>(z - depth, 0);
                     c <= std::min(z + depth, grid.depth - 1); ++c)
                    for (std::int64_t b = std::max<std::int64_t>(y - 1, 0);
                         b <= std::min(y + 1, grid.height - 1); ++b)
                        for (std::int64_t a = std::max<std::int64_t>(x - 1, 0);
                             a <= std::min(x + 1, grid.width - 1); ++a)
                            if (corners || (c != z) + (b != y) + (a != x) == 1)
                                is_contour |=
                                    map.codes[static_cast<std::size_t>(grid.index(c, b, a))] !=
                                    label;
            }
            if (is_contour)
                out.push_back({std::int32_t{label}, {narrow(z), narrow(y), narrow(x)}, 0});
        });
}

} // namespace

template <class Code> void read_codes(const SurfaceJob &job, std::int64_t first_row,
                                      std::int64_t last_row, CodeMap<Code> &preds,
                                      CodeMap<Code> &target) {
    const Grid &grid = preds.grid;
    const CodeTable<Code> table(job.rule);
    for (std::int64_t row = first_row; row < last_row; ++row) {
        const std::int64_t z = row / grid.height, y = row % grid.height;
        const std::int64_t start = grid.index(z, y, 0);
        Code *pred = preds.codes.data() + start, *truth = target.codes.data() + start;
        const char *from = job.target.row(z, y), *other = job.preds.row(z, y);
        with_label_type(job.target.dtype, [&](auto type) {
            for (std::int64_t x = 0; x < grid.width; ++x) {
                const std::int64_t value =
                    load_label<decltype(type)>(from + x * job.target.stride_w);
                truth[x] = table.target(value);
                pred[x] = table.void_bits(value);
            }
        });
        with_label_type(job.preds.dtype, [&](auto type) {
            for (std::int64_t x = 0; x < grid.width; ++x)
                pred[x] = static_cast<Code>(pred[x] | table.pred(load_label<decltype(type)>(
                                                          other + x * job.preds.stride_w)));
        });
    }
}

template <class Code>
void mark_surfaces(CodeMap<Code> &map, std::int64_t first_row, std::int64_t last_row) {
    const Grid &grid = map.grid;
    const std::int64_t pitch = grid.pitch(), plane = grid.volume ? grid.plane() : 0;
    for (std::int64_t row = first_row; row < last_row; ++row) {
        const std::int64_t start = grid.index(row / grid.height, row % grid.height, 0);
        const Code *at = map.codes.data() + start;
        const Code *up = at - pitch, *down = at + pitch, *back = at - plane, *front = at + plane;
        Code *mark = map.marks.data() + start;
        for (std::int64_t x = 0; x < grid.width; ++x) {
            const int c = at[x];
            const int differs = (c ^ at[x - 1]) | (c ^ at[x + 1]) | (c ^ up[x]) | (c ^ down[x]) |
                                (c ^ back[x]) | (c ^ front[x]);
            mark[x] = differs ? static_cast<Code>(c) : CodeMap<Code>::none;
        }
    }
}

std::int64_t element_rows(const Grid &grid, SurfaceElements elements) {
    const std::int64_t more = elements == SurfaceElements::corners;
    return (grid.depth + (grid.volume ? more : 0)) * (grid.height + more);
}

template <class Code> void find_elements(const CodeMap<Code> &own, const CodeMap<Code> &other,
                                         SurfaceElements elements, std::int64_t first_row,
                                         std::int64_t last_row, std::vector<Element> &out) {
    const auto add = [&](std::int64_t z, std::int64_t y, std::int64_t x, Code label) {
        out.push_back({std::int32_t{label}, {narrow(z), narrow(y), narrow(x)}, 0});
    };
    switch (elements) {
    case SurfaceElements::surfaces: each_code(own.grid, own.marks, first_row, last_row, add); break;
    case SurfaceElements::corners: find_corners(own, first_row, last_row, out); break;
    case SurfaceElements::contours: find_contours(own, false, first_row, last_row, out); break;
    case SurfaceElements::regions:
        each_code(own.grid, own.codes, first_row, last_row,
                  [&](std::int64_t z, std::int64_t y, std::int64_t x, Code label) {
                      const auto at = static_cast<std::size_t>(own.grid.index(z, y, x));
                      if (other.codes[at] != label) add(z, y, x, label);
                  });
    }
}

// The nearest pixel of a region is one with a side that is not of it: from any other one the next
// pixel towards a point outside is nearer.
template <class Code> void find_sites(const CodeMap<Code> &map, SurfaceElements elements,
                                      std::int64_t first_row, std::int64_t last_row,
                                      std::vector<Element> &out) {
    find_contours(map, elements == SurfaceElements::contours, first_row, last_row, out);
}

#define SEGPOST_CODES(Code)                                                                        \
    template void read_codes(const SurfaceJob &, std::int64_t, std::int64_t, CodeMap<Code> &,      \
                             CodeMap<Code> &);                                                     \
    template void mark_surfaces(CodeMap<Code> &, std::int64_t, std::int64_t);                      \
    template void find_elements(const CodeMap<Code> &, const CodeMap<Code> &, SurfaceElements,     \
                                std::int64_t, std::int64_t, std::vector<Element> &);               \
    template void find_sites(const CodeMap<Code> &, SurfaceElements, std::int64_t, std::int64_t,   \
                             std::vector<Element> &);
SEGPOST_CODES(std::uint8_t)
SEGPOST_CODES(std::uint16_t)

} // namespace segpost
