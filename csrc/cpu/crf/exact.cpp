#include "cpu/crf/exact.hpp"

#include "cpu/crf/tiles.hpp"
#include "cpu/runtime/tiling.hpp"

#include <cmath>
#include <cstring>

namespace segpost {
namespace {

constexpr double unheard = 1e-6; // what all pixels beyond the limit may weigh together

// Bits of coordinates in turn, so that neighbours in this order are neighbours in features.
std::uint64_t interleaved(const std::vector<std::uint32_t> &place, int bits) {
    std::uint64_t code = 0;
    for (int bit = bits - 1; bit >= 0; --bit)
        for (const std::uint32_t p : place) code = code << 1 | (p >> bit & 1);
    return code;
}

// The features of a pixel, in standard deviations.
void features_of(const PairwiseJob &job, const UnaryView &shape, std::int64_t y, std::int64_t x,
                 std::vector<double> &to) {
    to.clear();
    if (job.has_places) {
        const std::int64_t extent[] = {shape.d, shape.h, shape.w};
        const std::int64_t place[] = {y / shape.h, y % shape.h, x};
        for (int i = 0; i < 3; ++i)
            if (extent[i] > 1) to.push_back(static_cast<double>(place[i]) / job.sigma[i]);
    }
    const GuideView &guide = job.guide;
    const char *at = guide.data + (y / shape.h) * guide.stride_d + (y % shape.h) * guide.stride_h +
                     x * guide.stride_w;
    for (std::int64_t c = 0; c < guide.channels; ++c, at += guide.stride_c) {
        float value;
        if (guide.dtype == DType::u8)
            value = static_cast<unsigned char>(*at);
        else
            std::memcpy(&value, at, 4);
        to.push_back(static_cast<double>(value) / job.guide_sigma[c]);
    }
}

} // namespace

bool CrfExact::prepare(const CancelToken &cancelled) {
    tiles_ = crf_tiles(unary_.rows(), unary_.w, 1);
    logs_.reserve(unary_.pixels() * unary_.labels + 64);
    if (!read_unary(unary_, tiles_, logs_.data(), nullptr, offset_, errors_, cancelled))
        return false;
    if (errors_.any()) return true;
    terms_ = std::vector<Term>(jobs_.size());
    for (std::size_t t = 0; t < jobs_.size(); ++t) {
        sort(jobs_[t], terms_[t]);
        if (!normalize(jobs_[t], terms_[t], cancelled)) return false;
    }
    return true;
}

void CrfExact::sort(const PairwiseJob &job, Term &term) const {
    const std::int64_t pixels = unary_.pixels();
    std::vector<double> values, least, feature;
    for (const CrfTile &tile : tiles_)
        for (std::int64_t y = tile.y0; y < tile.y1; ++y)
            for (std::int64_t x = tile.x0; x < tile.x1; ++x) {
                features_of(job, unary_, y, x, feature);
                if (least.empty()) least.assign(feature.size(), INFINITY);
                for (std::size_t f = 0; f < feature.size(); ++f)
                    least[f] = std::min(least[f], feature[f]);
                values.insert(values.end(), feature.begin(), feature.end());
            }
    const std::int64_t d = static_cast<std::int64_t>(least.size());
    const int bits =
        static_cast<int>(std::min<std::int64_t>(16, 64 / std::max<std::int64_t>(d, 1)));
    std::vector<std::pair<std::uint64_t, std::int64_t>> codes;
    std::vector<std::uint32_t> place(least.size());
    for (std::int64_t p = 0; p < pixels; ++p) {
        for (std::int64_t f = 0; f < d; ++f) {
            const double cell = (values[p * d + f] - least[f]) * 2; // half a standard deviation
            place[f] = static_cast<std::uint32_t>(std::min(cell, std::exp2(bits) - 1));
        }
        codes.emplace_back(interleaved(place, bits), p);
    }
    std::sort(codes.begin(), codes.end());
    const std::int64_t blocks = (pixels + crf_block - 1) / crf_block;
    const std::int64_t groups = (blocks + crf_blocks - 1) / crf_blocks;
    term.values.reserve(blocks * d * crf_block);
    term.boxes.reserve(blocks * d * 2);
    term.groups.reserve(groups * d * 2);
    for (std::int64_t g = 0; g < groups * d; ++g) {
        term.groups.data()[2 * g] = INFINITY;
        term.groups.data()[2 * g + 1] = -INFINITY;
    }
    for (const auto &code : codes) term.order.push_back(code.second);
    for (std::int64_t b = 0; b < blocks; ++b)
        for (std::int64_t f = 0; f < d; ++f) {
            float *box = term.boxes.data() + (b * d + f) * 2;
            float *group = term.groups.data() + (b / crf_blocks * d + f) * 2;
            box[0] = INFINITY, box[1] = -INFINITY;
            for (std::int64_t i = 0; i < crf_block; ++i) {
                const std::int64_t at =
                    std::min(b * crf_block + i, pixels - 1); // padding: the last
                const auto value = static_cast<float>(values[term.order[at] * d + f] - least[f]);
                term.values.data()[(b * d + f) * crf_block + i] = value;
                box[0] = std::min(box[0], value), box[1] = std::max(box[1], value);
            }
            group[0] = std::min(group[0], box[0]), group[1] = std::max(group[1], box[1]);
        }
    term.view.features = d;
    term.view.blocks = blocks;
    term.view.include_self = include_self_;
    term.view.values = term.values.data();
    term.view.boxes = term.boxes.data();
    term.view.groups = term.groups.data();
    term.view.limit = static_cast<float>(std::log(static_cast<double>(pixels) / unheard));
}

bool CrfExact::pass(Term &term, std::int64_t row, const CancelToken &cancelled) const {
    const KernelTable &table = kernels();
    return run_tasks(
        term.view.blocks,
        [&](std::int64_t b) {
            alignas(64) char memory[crf_block * crf_block * 4];
            table.crf_exact(term.view, row, b, memory);
        },
        cancelled);
}

bool CrfExact::normalize(const PairwiseJob &job, Term &term, const CancelToken &cancelled) const {
    const std::int64_t pixels = unary_.pixels(), row = kernels().crf_row(1);
    const std::int64_t size = term.view.blocks * crf_block * row;
    term.q.reserve(size), term.messages.reserve(size);
    std::fill(term.q.data(), term.q.data() + size, 0.0f);
    for (std::int64_t i = 0; i < pixels; ++i) term.q.data()[i * row] = 1.0f;
    term.view.q = term.q.data(), term.view.messages = term.messages.data();
    if (!pass(term, row, cancelled)) return false;
    for (std::int64_t i = 0; i < pixels; ++i) {
        const double sum = term.messages.data()[i * row];
        const double one = sum > 1e-6 ? 1 / sum : 0; // else it is alone
        const bool both = job.normalization == Normalization::symmetric;
        const bool in = job.normalization == Normalization::column;
        const bool out = job.normalization == Normalization::row;
        term.in.push_back(static_cast<float>(both ? std::sqrt(one) : in ? one : 1));
        term.out.push_back(static_cast<float>(both ? std::sqrt(one) : out ? one : 1));
    }
    return true;
}

// Messages of all terms, from q_.
bool CrfExact::send(std::int64_t row, const CancelToken &cancelled) {
    const std::int64_t pixels = unary_.pixels(), labels = unary_.labels;
    std::fill(messages_.data(), messages_.data() + pixels * row, 0.0f);
    for (std::size_t t = 0; t < terms_.size(); ++t) {
        Term &term = terms_[t];
        const PairwiseJob &job = jobs_[t];
        const std::int64_t size = term.view.blocks * crf_block * row;
        term.q.reserve(size), term.messages.reserve(size);
        term.view.q = term.q.data(), term.view.messages = term.messages.data();
        std::fill(term.q.data() + pixels * row, term.q.data() + size, 0.0f);
        for (std::int64_t i = 0; i < pixels; ++i)
            for (std::int64_t l = 0; l < row; ++l)
                term.q.data()[i * row + l] = term.in[i] * q_.data()[term.order[i] * row + l];
        if (!pass(term, row, cancelled)) return false;
        for (std::int64_t i = 0; i < pixels; ++i) {
            float *from = term.messages.data() + i * row;
            float *to = messages_.data() + term.order[i] * row;
            for (std::int64_t l = 0; l < labels; ++l) from[l] *= term.out[i];
            for (std::int64_t l = 0; l < labels; ++l) {
                if (job.kind != CompatibilityKind::matrix) {
                    const double a =
                        job.compatibility[job.kind == CompatibilityKind::scalar ? 0 : l];
                    to[l] += static_cast<float>(a) * from[l];
                    continue;
                }
                for (std::int64_t m = 0; m < labels; ++m)
                    to[l] += static_cast<float>(job.compatibility[l * labels + m]) * from[m];
            }
        }
    }
    return true;
}

bool CrfExact::infer(const ProbabilityView &out, std::int64_t iterations,
                     const ProbabilityView *start, double tolerance, bool trace,
                     const CancelToken &cancelled, std::vector<CrfStep> &steps) {
    const std::int64_t pixels = unary_.pixels(), labels = unary_.labels;
    const std::int64_t row = kernels().crf_row(labels);
    q_.reserve(pixels * row), messages_.reserve(pixels * row);
    std::fill(q_.data(), q_.data() + pixels * row, 0.0f);
    const auto each = [&](const ProbabilityView &view, const auto &work) {
        for (const CrfTile &tile : tiles_)
            for (std::int64_t y = tile.y0; y < tile.y1; ++y)
                for (std::int64_t x = tile.x0; x < tile.x1; ++x)
                    for (std::int64_t l = 0; l < labels; ++l) {
                        const std::int64_t p =
                            tile.first + (y - tile.y0) * tile.width() + (x - tile.x0);
                        work(view.data + (y / unary_.h) * view.stride_d +
                                 (y % unary_.h) * view.stride_h + x * view.stride_w +
                                 l * view.stride_l,
                             q_.data() + p * row + l);
                    }
    };
    if (start) each(*start, [](char *from, float *to) { std::memcpy(to, from, 4); });
    CrfExactUpdate update;
    update.labels = labels, update.row = row;
    update.unary = logs_.data(), update.q = q_.data();
    const auto renew = [&](CrfSums &sums) {
        std::vector<CrfSums> parts(tiles_.size());
        if (!run_tasks(
                static_cast<std::int64_t>(tiles_.size()),
                [&](std::int64_t i) {
                    const auto t = static_cast<std::size_t>(i);
                    const Memory line = allocate(row * 4);
                    kernels().crf_exact_update(update, tiles_[t].first,
                                               tiles_[t].first + tiles_[t].pixels(),
                                               reinterpret_cast<float *>(line.get()), parts[t]);
                },
                cancelled))
            return false;
        for (const CrfSums &part : parts) sums.merge(part); // in order
        return true;
    };
    CrfSums sums;
    update.first = true;
    if (!start && !renew(sums)) return false;
    update.first = false;
    update.messages = messages_.data();
    steps.push_back({NAN, NAN, NAN, NAN});
    for (std::int64_t done = 0; done < iterations; ++done) {
        if (!send(row, cancelled)) return false;
        sums = CrfSums();
        update.trace = trace;
        if (!renew(sums)) return false;
        if (trace) describe(steps.back(), sums, offset_);
        const bool known = trace || tolerance >= 0;
        steps.push_back({NAN, NAN, NAN, known ? sums.change : NAN});
        if (tolerance >= 0 && sums.change <= tolerance) break;
    }
    if (trace) { // of the last Q
        if (!send(row, cancelled)) return false;
        sums = CrfSums();
        update.trace = update.measure = true;
        if (!renew(sums)) return false;
        describe(steps.back(), sums, offset_);
    }
    each(out, [](char *to, float *from) { std::memcpy(to, from, 4); });
    return true;
}

} // namespace segpost
