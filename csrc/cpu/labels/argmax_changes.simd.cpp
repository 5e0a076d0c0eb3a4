// Where the label changes along a column, of an argmax that is not written. A filled cell is
// compared with the pixels above it once. In a cell with two candidates the difference of the two
// is an affine function of the row, so that a column has one change at most: it is between two rows
// at which float32 is sure of the sign (the filter of ops/labels.hpp; a weight is off by up to
// 2^-22, which adds 16uM to its 30uM), and all rows before and after have the signs of these.
#include "cpu/labels/cells_walk.hpp"
#include "cpu/simd/label_rows.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr std::int64_t strip_rows = 32; // whose labels may have to be written
constexpr float weight_error = 0x1p-22f;

enum class CellKind : std::uint8_t { filled, crossed, written };

// Writes the first `count` of W labels.
template <int W, class L>
inline void put_span(typename Vec<W>::i32 label, L *labels, std::int64_t count) {
    L narrow[W];
    if constexpr (sizeof(L) == 1)
        store(narrow, low_bytes(label));
    else
        store(narrow, label);
    if (count == W)
        __builtin_memcpy(labels, narrow, sizeof narrow);
    else
        for (std::int64_t i = 0; i < count; ++i) labels[i] = narrow[i];
}

template <class T, class L> class Columns {
  public:
    Columns(const ArgmaxJob &job, const Tile &tile, Scratch &scratch)
        : job_(job), work_(job_, tile, scratch) {
        pitch_ = round_up(work_.columns + word, word);
        above_ = scratch.take<L>(pitch_);
        crossing_ = scratch.take<std::int32_t>(work_.columns + lanes);
        exchange_ = scratch.take<std::int32_t>(work_.pitch);
        kind_ = scratch.take<CellKind>(work_.pitch);
        strip_ = scratch.take<L>(strip_rows * pitch_);
    }

    void find(ChangeSink &sink, LogitErrors &errors) {
        sink.reserve(8 * work_.columns); // what a scene has
        job_.labels.stride_n = 0;
        job_.labels.stride_w = static_cast<std::int64_t>(sizeof(L));
        job_.labels.stride_h = pitch_ * job_.labels.stride_w;
        walk_rows(work_, errors, [&](std::int64_t from, std::int64_t to) {
            for (std::int64_t y = from; y < to; y += strip_rows)
                find_in_strip(y, min<std::int64_t>(y + strip_rows, to), sink, errors);
        });
    }

    void mark_written(std::int64_t first, std::int64_t last) {
        for (std::int64_t x = first; x < last; ++x) kind_[x] = CellKind::written;
    }

    // Whether the one change of every column of a cell with two candidates could be computed.
    bool take_pair(std::int64_t cell, std::int64_t y0, std::int64_t y1, const std::int32_t *list) {
        if (!is_even_) return false;
        bool is_sure = false;
        if (work_.job.x.widest <= 4 || lanes == 4)
            is_sure = cross<4>(cell, y0, y1, list);
        else if (work_.job.x.widest <= 8 || lanes == 8)
            is_sure = cross < lanes<8 ? 4 : 8>(cell, y0, y1, list);
        else
            is_sure = cross<lanes>(cell, y0, y1, list);
        if (is_sure) kind_[cell] = CellKind::crossed;
        return is_sure;
    }

  private:
    L *labels(std::int64_t y) const { return work_.labels(y); }

    void find_in_strip(std::int64_t y0, std::int64_t y1, ChangeSink &sink, LogitErrors &errors) {
        job_.labels.set_part(reinterpret_cast<char *>(strip_), y0, work_.first_column);
        for (std::int64_t x = 0; x < work_.cells; ++x) kind_[x] = CellKind::filled;
        is_even_ = is_evenly_spaced(y0, y1);
        for (std::int64_t block = 0; block < work_.cells; block += lanes)
            mixed_cells(work_, block, y0, y1, CellRule::fill, *this, errors);
        each_kind([&](CellKind kind, std::int64_t from, std::int64_t to) {
            if (kind == CellKind::written)
                __builtin_memcpy(work_.fill + from, labels(y0) + from, (to - from) * sizeof(L));
        });
        add_changes(work_.fill, y0 > 0 ? above_ : nullptr, y0, 0, work_.columns, sink);
        __builtin_memcpy(above_, work_.fill, work_.columns * sizeof(L));
        each_kind([&](CellKind kind, std::int64_t from, std::int64_t to) {
            if (kind != CellKind::written) return;
            for (std::int64_t y = y0 + 1; y < y1; ++y)
                add_changes(labels(y), labels(y - 1), y, from, to, sink);
            __builtin_memcpy(above_ + from, labels(y1 - 1) + from, (to - from) * sizeof(L));
        });
        for (std::int64_t x = 0; x < work_.cells; ++x)
            if (kind_[x] == CellKind::crossed) add_crossings(x, y1, sink);
    }

    // Whether the weights of rows [y0, y1) are those of evenly spaced rows.
    bool is_evenly_spaced(std::int64_t y0, std::int64_t y1) {
        const float *t = work_.job.y.t;
        step_ = y1 - y0 > 1 ? (t[y1 - 1] - t[y0]) / static_cast<float>(y1 - 1 - y0) : 0.0f;
        bool is_even = true;
        for (std::int64_t y = y0; y < y1; ++y)
            is_even &= __builtin_fabsf(t[y0] + static_cast<float>(y - y0) * step_ - t[y]) <=
                       weight_error / 2;
        return is_even;
    }

    // The label of row y0 of every column of a cell and the row of its change, y1 for none. False
    // where float32 is not sure of one of them.
    template <int W>
    bool cross(std::int64_t cell, std::int64_t y0, std::int64_t y1, const std::int32_t *list) {
        using V = typename Vec<W>::f32;
        using M = typename Vec<W>::i32;
        const float most = largest_corner(work_, cell, list, 2);
        if (!(most < filter_limit)) return false;
        const PairCorners corners(work_, cell, list);
        const float *upper = corners.upper, *lower = corners.lower;
        const V limit = broadcast<V>(most * filter_relative + filter_absolute);
        const float *t = work_.job.y.t;
        const V first_weight = broadcast<V>(t[y0]), last_weight = broadcast<V>(t[y1 - 1]);
        const auto rows = static_cast<std::int32_t>(y1 - y0);
        const M first = broadcast<M>(list[0]), second = broadcast<M>(list[1]);
        M lane{};
        for (int i = 0; i < W; ++i) lane[i] = i;
        M close{};
        const std::int64_t x1 = work_.begin(cell + 1);
        for (std::int64_t x = work_.begin(cell); x < x1; x += W) {
            const V tx = load<V>(work_.t + x);
            const V top = fma(tx, broadcast<V>(upper[1] - upper[0]), broadcast<V>(upper[0]));
            const V bottom = fma(tx, broadcast<V>(lower[1] - lower[0]), broadcast<V>(lower[0]));
            const V down = bottom - top;
            const V begin = fma(first_weight, down, top), end = fma(last_weight, down, top);
            const M ahead = begin > V{}, changes = ahead ^ (end > V{});
            M near = (abs(begin) <= limit) | (abs(end) <= limit);
            M row = broadcast<M>(rows);
            if (any(changes)) {
                // Lanes without a change divide by anything: their position is not used.
                const V place = begin / (begin - end) * static_cast<float>(rows - 1);
                const V bounded = min(max(place, V{}), broadcast<V>(static_cast<float>(rows - 2)));
                const V before = __builtin_convertvector(__builtin_convertvector(bounded, M), V);
                const V earlier = fma(fma(before, broadcast<V>(step_), first_weight), down, top);
                const V later =
                    fma(fma(before + 1.0f, broadcast<V>(step_), first_weight), down, top);
                const M here = (abs(earlier) > limit) & (abs(later) > limit) &
                               ~((earlier > V{}) ^ ahead) & ((later > V{}) ^ ahead);
                near |= changes & ~here;
                row = changes ? __builtin_convertvector(before, M) + 1 : row;
            }
            const std::int64_t here = min<std::int64_t>(W, x1 - x);
            close |= near & (lane < broadcast<M>(static_cast<std::int32_t>(here)));
            put_span<W>(ahead ? first : second, work_.fill + x, here);
            store(crossing_ + x, row + static_cast<std::int32_t>(y0));
        }
        exchange_[cell] = list[0] ^ list[1];
        return !any(close);
    }

    // Where row y of columns [from, to) differs from the row above; everywhere if there is none.
    void add_changes(const L *row, const L *above, std::int64_t y, std::int64_t from,
                     std::int64_t to, ChangeSink &sink) {
        sink.reserve(to - from);
        LabelChange *out = sink.end();
        for (std::int64_t x = from; x < to; x += word) {
            std::uint64_t bits =
                to - x < word ? (std::uint64_t{1} << (to - x)) - 1 : ~std::uint64_t{0};
            if (above) bits &= differing_labels(row + x, above + x, word);
            for (; bits; bits &= bits - 1) {
                const std::int64_t i = x + __builtin_ctzll(bits);
                *out++ = change(i, y, row[i]);
            }
        }
        sink.count = out - sink.items;
    }

    void add_crossings(std::int64_t cell, std::int64_t y1, ChangeSink &sink) {
        const std::int64_t from = work_.begin(cell), to = work_.begin(cell + 1);
        const auto exchange = static_cast<L>(exchange_[cell]);
        sink.reserve(to - from);
        LabelChange *out = sink.end();
        for (std::int64_t x = from; x < to; ++x) {
            if (crossing_[x] >= y1) continue;
            above_[x] = static_cast<L>(above_[x] ^ exchange);
            *out++ = change(x, crossing_[x], above_[x]);
        }
        sink.count = out - sink.items;
    }

    LabelChange change(std::int64_t column, std::int64_t y, L label) const {
        return {static_cast<std::int32_t>(work_.first_column + column),
                static_cast<std::int32_t>(y), label, 0.0};
    }

    // Calls visit(kind, from, to) for the columns of neighboring cells of one kind.
    template <class Visit> void each_kind(const Visit &visit) const {
        for (std::int64_t x = 0, from = 0; x < work_.cells; from = x) {
            while (++x < work_.cells && kind_[x] == kind_[from]) {
            }
            visit(kind_[from], work_.begin(from), work_.begin(x));
        }
    }

    ArgmaxJob job_; // its labels are those of a strip
    Work<T, L> work_;
    std::int64_t pitch_;
    L *above_;               // [pitch] labels of the last row
    std::int32_t *crossing_; // [columns + lanes] the row of a crossed cell's change
    std::int32_t *exchange_; // [pitch of cells] one candidate xor the other
    CellKind *kind_;         // [pitch of cells]
    L *strip_;               // [strip_rows][pitch]
    float step_ = 0.0f;      // from the weight of a row to that of the next
    bool is_even_ = false;
};

} // namespace

std::int64_t argmax_changes_scratch(const ArgmaxJob &job, const Tile &tile) {
    Scratch scratch(nullptr);
    Columns<double, std::int32_t> columns(job, tile, scratch); // the largest of the four
    return scratch.used();
}

void argmax_changes(const ArgmaxJob &job, const Tile &tile, char *memory, ChangeSink &sink,
                    LogitErrors &errors) {
    Scratch scratch(memory);
    const bool narrow = job.classes() <= 256;
    if (fits_float(job.logits.dtype))
        narrow ? Columns<float, std::uint8_t>(job, tile, scratch).find(sink, errors)
               : Columns<float, std::int32_t>(job, tile, scratch).find(sink, errors);
    else
        narrow ? Columns<double, std::uint8_t>(job, tile, scratch).find(sink, errors)
               : Columns<double, std::int32_t>(job, tile, scratch).find(sink, errors);
}

} // namespace segpost::SEGPOST_LEVEL
