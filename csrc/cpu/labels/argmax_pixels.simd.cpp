// argmax of every pixel of logits that already have the output's size, with the confidence of the
// label where that is wanted: logits are read once.
#include "cpu/color/color.hpp"
#include "cpu/labels/confidence_pixels.hpp"
#include "cpu/runtime/kernel_table.hpp"
#include "ops/exact.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// The label of one pixel.
template <class T>
ExactLabel label_exactly(const T *planes, std::int64_t pitch, std::int64_t classes) {
    ExactLabel exact;
    for (std::int64_t c = 0; c < classes && !exact.is_nan(); ++c)
        exact.add(static_cast<std::int32_t>(c), planes[c * pitch]);
    return exact;
}

// First maxima of `count` pixels; true where some pixel has a NaN or nothing above -inf. There are
// too many planes for the processor to see that each is read on: the next block is asked for.
bool rank(const float *planes, std::int64_t pitch, std::int64_t classes, std::int32_t *label,
          std::int64_t count) {
    constexpr int n = 4; // vectors in flight
    const F lowest = broadcast<F>(-__builtin_inff());
    I special{};
    std::int64_t x = 0;
    for (; x + n * lanes <= count; x += n * lanes) {
        F best[n];
        I index[n];
        for (int k = 0; k < n; ++k) {
            best[k] = load<F>(planes + x + k * lanes);
            index[k] = I{};
            special |= best[k] != best[k];
        }
        for (std::int64_t c = 1; c < classes; ++c) {
            const float *plane = planes + c * pitch + x;
            const I here = broadcast<I>(static_cast<std::int32_t>(c));
            for (int k = 0; k < n; k += 2)
                special |= unordered(load<F>(plane + k * lanes), load<F>(plane + (k + 1) * lanes));
            for (int k = 0; k < n; ++k) {
                const F value = load<F>(plane + k * lanes);
                if (k * lanes % 16 == 0) __builtin_prefetch(plane + block + k * lanes);
                index[k] = select((I)(value > best[k]), here, index[k]);
                best[k] = max(value, best[k]);
            }
        }
        for (int k = 0; k < n; ++k) {
            special |= best[k] == lowest;
            store(label + x + k * lanes, index[k]);
        }
    }
    bool undefined = any(special);
    for (; x < count; ++x) {
        const ExactLabel exact = label_exactly(planes + x, pitch, classes);
        label[x] = exact.label();
        undefined |= exact.is_undefined();
    }
    return undefined;
}

bool rank(const double *planes, std::int64_t pitch, std::int64_t classes, std::int32_t *label,
          std::int64_t count) {
    bool undefined = false;
    for (std::int64_t x = 0; x < count; ++x) {
        const ExactLabel exact = label_exactly(planes + x, pitch, classes);
        label[x] = exact.label();
        undefined |= exact.is_undefined();
    }
    return undefined;
}

using Bytes = Vec<4 * lanes>::i8;

// First maxima of as many pixels as fit into N vectors of bytes.
template <int N> inline void rank_vectors(const std::int8_t *planes, std::int64_t pitch,
                                          std::int64_t classes, Bytes flip, std::uint8_t *label) {
    constexpr int w = 4 * lanes;
    Bytes best[N], index[N]{};
    for (int k = 0; k < N; ++k) best[k] = load<Bytes>(planes + k * w) ^ flip;
    for (std::int64_t c = 1; c < classes; ++c) {
        const std::int8_t *plane = planes + c * pitch;
        const Bytes here = broadcast<Bytes>(static_cast<std::int8_t>(c));
        for (int k = 0; k < N; ++k) {
            const Bytes value = load<Bytes>(plane + k * w) ^ flip;
            const Bytes is_larger = value > best[k];
            __builtin_prefetch(plane + block + k * w);
            index[k] = is_larger ? here : index[k];
            best[k] = is_larger ? value : best[k];
        }
    }
    for (int k = 0; k < N; ++k) store(label + k * w, index[k]);
}

// First maxima of `count` pixels of bytes; unsigned ones are flipped into signed ones. The last
// vector begins among pixels that have their label already.
void rank_bytes(const std::int8_t *planes, std::int64_t pitch, std::int64_t classes,
                bool is_unsigned, std::uint8_t *label, std::int64_t count) {
    constexpr int w = 4 * lanes, n = 2;
    const Bytes flip = broadcast<Bytes>(static_cast<std::int8_t>(is_unsigned ? -128 : 0));
    std::int64_t x = 0;
    for (; x + n * w <= count; x += n * w)
        rank_vectors<n>(planes + x, pitch, classes, flip, label + x);
    for (; x < count && count >= w; x += w) {
        x = min(x, count - w);
        rank_vectors<1>(planes + x, pitch, classes, flip, label + x);
    }
    const std::int8_t bit = flip[0];
    for (; x < count; ++x) {
        std::int64_t best = 0;
        for (std::int64_t c = 1; c < classes; ++c)
            if (static_cast<std::int8_t>(planes[c * pitch + x] ^ bit) >
                static_cast<std::int8_t>(planes[best * pitch + x] ^ bit))
                best = c;
        label[x] = static_cast<std::uint8_t>(best);
    }
}

// Labels and confidence of `count` pixels whose logits are at `planes`, or in `kept` already.
template <class T> bool rank_and_sum(const ArgmaxJob &job, const T *planes, std::int64_t pitch,
                                     T *kept, T *best, std::int32_t *label, float *confidence) {
    if (planes == kept)
        rank_and_keep<true>(planes, pitch, job.classes(), kept, best, label);
    else
        rank_and_keep<false>(planes, pitch, job.classes(), kept, best, label);
    const auto sum = job.fast ? sum_powers<true, T> : sum_powers<false, T>;
    return sum(kept, best, job.classes(), job.scale, confidence, planes, pitch);
}

// The colors of labels, and zeros up to what `color_span` reads.
const std::uint32_t *take_lut(const ArgmaxJob &job, Scratch &scratch) {
    const std::int64_t classes = job.classes(), count = max<std::int64_t>(classes, 32);
    std::uint32_t *lut = scratch.take<std::uint32_t>(count);
    if (job.lut)
        for (std::int64_t c = 0; c < count; ++c) lut[c] = c < classes ? job.lut[c] : 0;
    return lut;
}

template <class L> void color_labels(const ArgmaxJob &job, const Tile &tile, std::int64_t y,
                                     std::int64_t x, std::int64_t count, const L *labels,
                                     const std::uint32_t *lut) {
    if (job.lut)
        color_span(labels + x, lut, job.classes(),
                   reinterpret_cast<std::uint8_t *>(job.color.row(tile.n, y)) + 3 * x, count);
}

// Logits of bytes, pixels or classes side by side: nothing is widened, and nothing is undefined.
bool are_bytes(const ArgmaxJob &job) {
    const Logits &logits = job.logits;
    const bool is_dense =
        logits.stride_w == 1 || (logits.stride_c == 1 && logits.stride_w >= job.classes());
    return (logits.dtype == DType::i8 || logits.dtype == DType::u8) && is_dense &&
           job.labels.dtype == DType::u8 && !job.has_threshold && !job.confidence.data;
}

void label_bytes(const ArgmaxJob &job, const Tile &tile, char *memory) {
    Scratch scratch(memory);
    const std::uint32_t *lut = take_lut(job, scratch);
    const Logits &logits = job.logits;
    const bool in_place = logits.stride_w == 1, is_unsigned = logits.dtype == DType::u8;
    std::int8_t *buffer = in_place ? nullptr : scratch.take<std::int8_t>(job.classes() * block);
    for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
        const auto *row = reinterpret_cast<const std::int8_t *>(logits.row(tile.n, y));
        auto *out = reinterpret_cast<std::uint8_t *>(job.labels.row(tile.n, y));
        for (std::int64_t x = tile.x0; x < tile.x1; x += block) {
            const std::int64_t count = min(block, tile.x1 - x);
            const std::int8_t *planes = row + x;
            if (!in_place) {
                transpose_bytes(row + x * logits.stride_w, logits.stride_w, job.classes(), count,
                                buffer, block);
                planes = buffer;
            }
            rank_bytes(planes, in_place ? logits.stride_c : block, job.classes(), is_unsigned,
                       out + x, count);
            color_labels(job, tile, y, x, count, out, lut);
        }
    }
}

template <class T, class L>
void label_tile(const ArgmaxJob &job, const Tile &tile, char *memory, LogitErrors &errors) {
    const std::int64_t classes = job.classes();
    Scratch scratch(memory);
    T *buffer = scratch.take<T>(classes * block);
    T *best = scratch.take<T>(block);
    float *confidence = scratch.take<float>(block);
    std::int32_t *label = scratch.take<std::int32_t>(block);
    const std::uint32_t *lut = take_lut(job, scratch);
    const Logits &logits = job.logits;
    const bool sure = job.confidence.data != nullptr;
    const bool in_place = sizeof(T) == 4 && logits.dtype == DType::f32 && logits.stride_w == 4 &&
                          logits.stride_c % 4 == 0 && !job.has_threshold;
    for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
        L *out = reinterpret_cast<L *>(job.labels.row(tile.n, y));
        for (std::int64_t x = tile.x0; x < tile.x1; x += block) {
            const std::int64_t count = min(block, tile.x1 - x);
            const T *planes = buffer;
            std::int64_t pitch = block;
            if (in_place && (!sure || count == block)) {
                planes = reinterpret_cast<const T *>(logits.row(tile.n, y)) + x;
                pitch = logits.stride_c / 4;
            } else {
                if (sure && count < block) // what lies behind the row is computed and thrown away
                    for (std::int64_t i = 0; i < classes * block; ++i) buffer[i] = T{};
                load_row(buffer, block, logits, tile.n, y, x, count,
                         job.has_threshold ? &job.threshold : nullptr);
            }
            const bool special =
                sure ? rank_and_sum(job, planes, pitch, buffer, best, label, confidence)
                     : rank(planes, pitch, classes, label, count);
            if (__builtin_expect(special, 0)) {
                const std::int64_t place = (tile.n * logits.h + y) * logits.w + x;
                count_nan(planes, pitch, classes, count, place, errors);
                for (std::int64_t i = 0; i < count; ++i) {
                    const ExactLabel exact = label_exactly(planes + i, pitch, classes);
                    label[i] = exact.label();
                    if (sure ? is_nan(confidence[i]) : exact.is_undefined())
                        errors.add_undefined(1, place + i);
                }
            }
            for (std::int64_t i = 0; i < count; ++i) out[x + i] = static_cast<L>(label[i]);
            color_labels(job, tile, y, x, count, out, lut);
            for (std::int64_t i = 0; sure && i < count; i += lanes)
                put_confidence(job.confidence, job.confidence.row(tile.n, y), x + i,
                               load<F>(confidence + i), min<std::int64_t>(lanes, count - i));
        }
    }
}

} // namespace

std::int64_t argmax_pixels_scratch(const ArgmaxJob &job) {
    return job.classes() * (block * 8 + 4) + block * 16 + 1024;
}

void argmax_pixels(const ArgmaxJob &job, const Tile &tile, char *memory, LogitErrors &errors) {
    const bool narrow = job.labels.dtype == DType::u8;
    if (are_bytes(job))
        label_bytes(job, tile, memory);
    else if (fits_float(job.logits.dtype))
        narrow ? label_tile<float, std::uint8_t>(job, tile, memory, errors)
               : label_tile<float, std::int32_t>(job, tile, memory, errors);
    else
        narrow ? label_tile<double, std::uint8_t>(job, tile, memory, errors)
               : label_tile<double, std::int32_t>(job, tile, memory, errors);
}

} // namespace segpost::SEGPOST_LEVEL
