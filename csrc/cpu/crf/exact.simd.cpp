// Sums over all pairs of pixels, for the exact mean field.
#include "cpu/crf/rows.hpp"
#include "cpu/runtime/kernel_table.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// Half the squared distance between two boxes.
inline float apart(const float *a, const float *b, std::int64_t features) {
    float sum = 0;
    for (std::int64_t f = 0; f < features; ++f) {
        const float over = max(a[2 * f] - b[2 * f + 1], b[2 * f] - a[2 * f + 1]);
        if (over > 0) sum += over * over;
    }
    return 0.5f * sum;
}

// kernel[i, j] of the pixels of two blocks.
void pairs(const CrfExactTerm &term, std::int64_t to, std::int64_t from, float *kernel) {
    const float *a = term.values + to * term.features * crf_block;
    const float *b = term.values + from * term.features * crf_block;
    for (std::int64_t i = 0; i < crf_block; ++i)
        for (std::int64_t j = 0; j < crf_block; j += lanes) {
            F sum{};
            for (std::int64_t f = 0; f < term.features; ++f) {
                const F by = load<F>(b + f * crf_block + j) - broadcast<F>(a[f * crf_block + i]);
                sum = fma(by, by, sum);
            }
            store(kernel + i * crf_block + j, exponential(sum * -0.5f));
        }
    if (to == from && !term.include_self)
        for (std::int64_t i = 0; i < crf_block; ++i) kernel[i * crf_block + i] = 0.0f;
}

// messages[i] += sum over j of kernel[i, j] q[j], a few pixels and labels at a time in registers.
template <class V, int N>
void send(const float *kernel, const float *q, float *messages, std::int64_t row) {
    constexpr int w = lanes_of<V>, pixels = N > 2 ? 2 : 4;
    for (std::int64_t i = 0; i < crf_block; i += pixels) {
        V sum[pixels][N];
        for (int p = 0; p < pixels; ++p)
            for (int n = 0; n < N; ++n) sum[p][n] = load<V>(messages + (i + p) * row + n * w);
        for (std::int64_t j = 0; j < crf_block; ++j)
            for (int n = 0; n < N; ++n) {
                const V value = load<V>(q + j * row + n * w);
                for (int p = 0; p < pixels; ++p)
                    sum[p][n] =
                        fma(broadcast<V>(kernel[(i + p) * crf_block + j]), value, sum[p][n]);
            }
        for (int p = 0; p < pixels; ++p)
            for (int n = 0; n < N; ++n) store(messages + (i + p) * row + n * w, sum[p][n]);
    }
}

} // namespace

std::int64_t crf_exact_scratch() { return crf_block * crf_block * 4; }

void crf_exact(const CrfExactTerm &term, std::int64_t row, std::int64_t to, char *memory) {
    float *kernel = reinterpret_cast<float *>(memory);
    float *messages = term.messages + to * crf_block * row;
    __builtin_memset(messages, 0, static_cast<std::size_t>(crf_block * row) * 4);
    const float *box = term.boxes + to * term.features * 2;
    for (std::int64_t g = 0; g * crf_blocks < term.blocks; ++g) {
        if (apart(box, term.groups + g * term.features * 2, term.features) > term.limit) continue;
        const std::int64_t last = min((g + 1) * crf_blocks, term.blocks);
        for (std::int64_t from = g * crf_blocks; from < last; ++from) {
            if (apart(box, term.boxes + from * term.features * 2, term.features) > term.limit)
                continue;
            pairs(term, to, from, kernel);
            const float *q = term.q + from * crf_block * row;
            with_width(row, [&](auto v) {
                using V = decltype(v);
                in_groups<V>(row, [&](auto n, std::int64_t at) {
                    send<V, decltype(n)::n>(kernel, q + at, messages + at, row);
                });
            });
        }
    }
}

void crf_exact_update(const CrfExactUpdate &job, std::int64_t first, std::int64_t last, float *line,
                      CrfSums &sums) {
    using V = Vec<4>::f32; // every row is a multiple
    const std::int64_t row = job.row, labels = job.labels;
    float change = 0;
    for (std::int64_t p = first; p < last; ++p) {
        float *q = job.q + p * row;
        const float *unary = job.unary + p * labels;
        const float *messages = job.messages ? job.messages + p * row : nullptr;
        if (job.trace)
            for (std::int64_t l = 0; l < labels; ++l) {
                if (!(q[l] > 0)) continue;
                sums.entropy += q[l] * logarithm(broadcast<V>(max(q[l], 1e-37f)))[0];
                sums.unary -= q[l] * unary[l];
                sums.pairwise -= q[l] * messages[l];
            }
        if (job.measure) continue;
        float best = -3e38f, total = 0;
        for (std::int64_t l = 0; l < row; ++l) {
            line[l] = l < labels ? unary[l] + (messages ? messages[l] : 0.0f) : -1e30f;
            best = max(best, line[l]);
        }
        for (std::int64_t l = 0; l < row; l += 4) {
            const V power = exponential(load<V>(line + l) - best);
            store(line + l, power);
            total += sum_of(power);
        }
        for (std::int64_t l = 0; l < labels; ++l) {
            const float now = line[l] / total;
            change = max(change, __builtin_fabsf(now - q[l]));
            q[l] = now;
        }
    }
    if (!job.first) sums.change = change > sums.change ? change : sums.change;
}

} // namespace segpost::SEGPOST_LEVEL
