// How unlike the pixels of an image are, counted on a device.
#include "ops/crf/variety.hpp"

#include "cuda/crf/features.hpp"
#include "cuda/crf/vertices.hpp"
#include "cuda/runtime/grid_1d.hpp"

#include <algorithm>

namespace segpost::gpu {
namespace {

struct Comparison {
    GuideView guide;
    Shape shape;
    double place_sigma, guide_sigma[most_features];
    unsigned *unlike;
};

__global__ void count_unlike_pixels(Comparison job) {
    const ComparedPixels compared(job.shape.d * job.shape.h, job.shape.w);
    const std::int64_t group = thread_index();
    if (group >= compared.count()) return;
    const Place place(job.shape, compared.row(group) * job.shape.w + compared.column(group));
    const char *from = job.guide.data + place.z * job.guide.stride_d +
                       place.y * job.guide.stride_h + place.x * job.guide.stride_w;
    const std::int64_t unlike =
        count_unlike(compared.length, job.place_sigma, job.guide.channels, job.guide_sigma,
                     [&](std::int64_t i, std::int64_t c) -> double {
                         return load<Any>(from + i * job.guide.stride_w + c * job.guide.stride_c,
                                          job.guide.dtype);
                     });
    atomicAdd(job.unlike, static_cast<unsigned>(unlike));
}

} // namespace

LatticeConfig recipe_for(const PairwiseJob &job, const Shape &shape, const LatticeConfig &quality,
                         const Workspace &workspace) {
    const ComparedPixels compared(shape.d * shape.h, shape.w);
    Comparison comparison{job.guide, shape, place_sigma_of(job), {}, nullptr};
    std::copy_n(job.guide_sigma, job.guide.channels, comparison.guide_sigma);
    comparison.unlike = workspace.alloc_zeros<unsigned>(1);
    launch(workspace.stream(), blocks_of(compared.count()), dim3(block_size), 0,
           count_unlike_pixels, comparison);
    unsigned unlike;
    workspace.download(&unlike, comparison.unlike, 1);
    return recipe_of(quality, unlike, compared, shape.pixels());
}

} // namespace segpost::gpu
