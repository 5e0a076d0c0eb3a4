#include "cpu/crf/lattice.hpp"

#include "cpu/crf/vertices.hpp"
#include "cpu/runtime/tiling.hpp"
#include "ops/crf/variety.hpp"

#include <cmath>

namespace segpost {
namespace {

// By where they lead to, and in the order of the tiles.
std::vector<CrfJoint> joints_of(const std::vector<std::uint32_t> &vertex) {
    std::vector<std::uint32_t> at(vertex.size() + 1, 0);
    const auto each = [&](const auto &work) {
        for (std::uint32_t i = 0; i < vertex.size(); ++i)
            if (vertex[i] != i) work(CrfJoint{vertex[i], i});
    };
    each([&](const CrfJoint &joint) { ++at[joint.to + 1]; });
    for (std::size_t i = 1; i < at.size(); ++i) at[i] += at[i - 1];
    std::vector<CrfJoint> joints(at.back());
    each([&](const CrfJoint &joint) { joints[at[joint.to]++] = joint; });
    return joints;
}

template <class Work>
bool each_tile(const std::vector<CrfTile> &tiles, const CancelToken &cancelled, const Work &work) {
    return run_tasks(
        static_cast<std::int64_t>(tiles.size()),
        [&](std::int64_t i) { work(tiles[static_cast<std::size_t>(i)]); }, cancelled);
}

LatticeConfig recipe_for(const PairwiseJob &job, const UnaryView &shape,
                         const LatticeConfig &config) {
    const GuideView &guide = job.guide;
    const ComparedPixels compared(shape.rows(), shape.w);
    std::int64_t unlike = 0;
    for (std::int64_t group = 0; group < compared.count(); ++group) {
        const std::int64_t y = compared.row(group);
        const char *from = guide.data + (y / shape.h) * guide.stride_d +
                           (y % shape.h) * guide.stride_h + compared.column(group) * guide.stride_w;
        unlike += count_unlike(compared.length, place_sigma_of(job), guide.channels,
                               job.guide_sigma, [&](std::int64_t i, std::int64_t c) {
                                   const char *at = from + i * guide.stride_w + c * guide.stride_c;
                                   if (guide.dtype == DType::u8)
                                       return static_cast<double>(
                                           *reinterpret_cast<const std::uint8_t *>(at));
                                   float value;
                                   std::memcpy(&value, at, 4);
                                   return static_cast<double>(value);
                               });
    }
    return recipe_of(config, unlike, compared, shape.pixels());
}

} // namespace

bool Lattice::build(const PairwiseJob &input_job, const UnaryView &shape,
                    const std::vector<CrfTile> &tiles, const LatticeConfig &quality,
                    bool include_self, const CancelToken &cancelled) {
    PairwiseJob job = input_job;
    const LatticeConfig config = recipe_for(job, shape, quality);
    const LatticeShape lattice(job, shape.d, shape.h, shape.w, config);
    std::copy_n(lattice.sigma, 3, job.sigma); // 0: no feature
    view.corners = lattice.corners;
    blur_weight = static_cast<float>(lattice.blur_weight);
    scale = lattice.scale, paths = lattice.paths;

    const std::int64_t pixels = shape.pixels();
    view.corner = corner.reserve(pixels * view.corners);
    view.weight = weight.reserve(pixels * view.corners);
    std::vector<double> origin;
    for (std::int64_t c = 0; c < job.guide.channels; ++c)
        origin.push_back(job.guide_range ? job.guide_range[c] : 0.0);
    const Naming naming(CoordinateRanges(lattice.largest(job), lattice.factors).count);
    const VertexNames names(lattice.largest(job), lattice.factors);
    std::vector<Keys> local(tiles.size(), Keys(lattice.corners - 1, names.unique));
    if (!run_tasks(
            static_cast<std::int64_t>(tiles.size()),
            [&](std::int64_t i) {
                const auto t = static_cast<std::size_t>(i);
                local[t] = embed_tile(job, origin, lattice.factors, naming, names, shape.h,
                                      tiles[t], *this);
            },
            cancelled))
        return false;
    Vertices vertices(local, names, view.corners, vertex);
    start.assign(1, 0);
    for (const Keys &tile : local) start.push_back(start.back() + tile.size());
    local.clear();
    this->vertices = static_cast<std::int64_t>(vertices.size());
    const std::int64_t bridged = vertices_bridged(config, this->vertices);
    if (bridged && !vertices.add_bridges(bridged, cancelled)) return false;
    view.length = vertices.rows();
    if (!chain(vertices, lattice.passes, cancelled)) return false;
    view.start = start.data(), view.vertex = vertex.data();
    view.joints = joints.data();
    return normalize(job, tiles, pixels, include_self, cancelled);
}

// Chains and joints, and the groups of a blur: each half of the axes is one where parts of the
// vertices are fine for it, else each axis; the second pass goes backwards.
bool Lattice::chain(const Vertices &vertices_, std::int64_t passes, const CancelToken &cancelled) {
    const std::int64_t n = view.corners, half = VertexNames::first_half(n);
    std::vector<VertexParts> parts;
    std::vector<std::size_t> parts_of;
    for (const bool second : {false, true}) {
        const std::int64_t begin = second ? half : 0, end = second ? n : half;
        if (vertices_.has_unique_names()) parts.push_back(vertices_.parts(second));
        const bool together = vertices_.has_unique_names() && parts.back().is_fine();
        if (!together) parts.push_back(vertices_.parts_by_row());
        parts_of.resize(static_cast<std::size_t>(end), parts.size() - 1);
        const auto count = static_cast<std::int64_t>(parts.back().split_points.size()) - 1;
        for (std::int64_t axis = begin; axis < end; ++axis) {
            if (axis == begin || !together) groups.push_back({{}, count});
            groups.back().axes.push_back(axis);
        }
    }
    if (passes > 1) {
        std::vector<AxisGroup> back(groups.rbegin(), groups.rend());
        for (AxisGroup &group : back) std::reverse(group.axes.begin(), group.axes.end());
        groups.back().axes.insert(groups.back().axes.end(), back.front().axes.begin(),
                                  back.front().axes.end());
        groups.insert(groups.end(), back.begin() + 1, back.end());
    }
    chains.resize(static_cast<std::size_t>(n));
    return run_tasks(
        n + 1,
        [&](std::int64_t i) {
            if (i == n)
                joints = joints_of(vertex);
            else
                chains[static_cast<std::size_t>(i)] =
                    vertices_.chains_along(i, parts[parts_of[static_cast<std::size_t>(i)]]);
        },
        cancelled);
}

// What pixels of weight 1 send, at vertices.
bool Lattice::sums_of_rows(const std::vector<CrfTile> &tiles, std::vector<float> &values,
                           const CancelToken &cancelled) const {
    const std::int64_t n = view.corners;
    values.assign(static_cast<std::size_t>(view.length), 0.0f);
    if (!each_tile(tiles, cancelled, [&](const CrfTile &tile) {
            float *to = values.data() + start[tile.index];
            for (std::int64_t at = tile.first * n; at < (tile.first + tile.pixels()) * n; ++at)
                to[view.corner[at]] += view.weight[at];
        }))
        return false;
    for (const CrfJoint &joint : joints) values[joint.to] += values[joint.from];
    const auto blur = [&](const std::uint32_t *along, std::int64_t begin, std::int64_t end) {
        float before_here = 0, here = 0;
        for (std::int64_t c = begin; c < end; ++c) {
            const std::uint32_t v = along[c] & ~chain_start;
            if (along[c] & chain_start) before_here = 0, here = values[v];
            const bool more = !(along[c + 1] & chain_start);
            const float next = more ? values[along[c + 1]] : 0.0f;
            values[v] = here + blur_weight * (before_here + next);
            before_here = here, here = next;
        }
    };
    for (const AxisGroup &group : groups)
        if (!run_tasks(
                group.parts, [&](std::int64_t part) { blur_part(group, part, blur); }, cancelled))
            return false;
    return true;
}

void Lattice::reserve(std::int64_t labels, std::int64_t row, bool are_differences) {
    // By the labels, not by the rows that hold them: all levels decide the same.
    constexpr std::int64_t second_level_cache = 1 << 20;
    const bool is_small = view.length * labels * 4 < second_level_cache;
    view.storage = kernels().crf_storage(row, are_differences || is_small);
    view.scale = view.unscale = 1.0f;
    const std::int64_t bytes = view.storage.blocks * view.block_bytes();
    for (Floats *values : {&sums, &rows}) {
        values->reserve(bytes / 4 + 1);
        char *last = reinterpret_cast<char *>(values->data()) - view.storage.row_bytes();
        for (std::int64_t block = 0; block < view.storage.blocks; ++block)
            std::fill_n(last += view.block_bytes(), view.storage.row_bytes(), char{0});
    }
    view.sums = reinterpret_cast<char *>(sums.data());
    view.rows = reinterpret_cast<char *>(rows.data());
    if (!view.storage.is_float16) return;
    constexpr int headroom = 13; // of 16 bits
    view.scale = std::ldexp(1.0f, headroom - std::ilogb(std::max(mass, 1e-30)));
    view.unscale = 1.0f / view.scale;
}

bool Lattice::normalize(const PairwiseJob &job, const std::vector<CrfTile> &tiles,
                        std::int64_t pixels, bool include_self, const CancelToken &cancelled) {
    const std::int64_t n = view.corners;
    std::vector<float> values;
    if (!sums_of_rows(tiles, values, cancelled)) return false;
    const auto sliced = [&](const CrfTile &tile, std::int64_t p) {
        const std::uint32_t *of = vertex.data() + start[tile.index];
        float sum = 0;
        for (std::int64_t at = p * n; at < (p + 1) * n; ++at)
            sum += view.weight[at] * values[of[view.corner[at]]];
        return sum;
    };
    const bool wanted = job.normalization != Normalization::none;
    const bool folded = job.normalization == Normalization::symmetric;
    std::vector<float> &factors = job.normalization == Normalization::row ? after : before;
    if (wanted && !folded) factors.resize(static_cast<std::size_t>(pixels));
    if (!include_self) self_message.resize(static_cast<std::size_t>(pixels));
    std::vector<std::pair<double, double>> extremes(tiles.size());
    if (!each_tile(tiles, cancelled, [&](const CrfTile &tile) {
            double low = INFINITY, high = 0;
            for (std::int64_t p = tile.first; p < tile.first + tile.pixels(); ++p) {
                float *b = weight.data() + p * n;
                double total = sliced(tile, p), alone = 0;
                if (!include_self) {
                    for (std::int64_t k = 0; k < n; ++k)
                        for (std::int64_t m = 0; m < n; ++m)
                            alone += b[k] * b[m] * paths[static_cast<std::size_t>(std::abs(k - m))];
                    total = total - alone > 1e-4 * total ? total - alone : 0.0;
                }
                if (total > 0) low = std::min(low, total);
                high = std::max(high, total);
                const double one = folded ? root(total) : reciprocal(total);
                if (folded)
                    for (std::int64_t k = 0; k < n; ++k) b[k] *= static_cast<float>(one);
                else if (wanted)
                    factors[static_cast<std::size_t>(p)] = static_cast<float>(one);
                if (!include_self)
                    self_message[static_cast<std::size_t>(p)] =
                        static_cast<float>(alone * both_ways(job.normalization, one));
            }
            extremes[static_cast<std::size_t>(tile.index)] = {low, high};
        }))
        return false;
    double low = INFINITY, high = 0;
    const auto join = [&] {
        for (const auto &extreme : extremes) {
            low = std::min(low, extreme.first);
            high = std::max(high, extreme.second);
        }
    };
    join();
    reach = row_bound(job.normalization, low, high);
    const auto largest = [](const std::vector<float> &of) {
        return of.empty() ? 1.0 : static_cast<double>(*std::max_element(of.begin(), of.end()));
    };
    mass = largest(values) * std::max(largest(before), 1.0);
    if (folded &&
        include_self) { // of a kernel without negative values, computed: far below the bound
        if (!sums_of_rows(tiles, values, cancelled) ||
            !each_tile(tiles, cancelled, [&](const CrfTile &tile) {
                auto &most = extremes[static_cast<std::size_t>(tile.index)].second = 0;
                for (std::int64_t p = tile.first; p < tile.first + tile.pixels(); ++p)
                    most = std::max(most, static_cast<double>(sliced(tile, p)));
            }))
            return false;
        high = 0;
        join();
        reach = std::min(reach, 1.001 * high);
        mass = largest(values);
    }
    if (!wanted) reach *= scale;
    if (wanted) scale = 1.0;
    view.before = before.empty() ? nullptr : before.data();
    view.after = after.empty() ? nullptr : after.data();
    return true;
}

} // namespace segpost
