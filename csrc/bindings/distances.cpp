// The distances between surfaces, under the names of segpost._core.distance_contract.
#include "bindings/distances.hpp"
#include "bindings/jobs.hpp"
#include "bindings/signals.hpp"

#include "cpu/metrics/distances.hpp"

#include <algorithm>
#include <array>

namespace segpost::bindings {
namespace {

SurfaceElements elements_of(const std::string &name) {
    static constexpr std::array<const char *, 4> names{"surfaces", "corners", "contours",
                                                       "regions"};
    const auto *const place =
        std::find_if(names.begin(), names.end(), [&](const char *one) { return name == one; });
    require(place != names.end(), "elements");
    return static_cast<SurfaceElements>(place - names.begin());
}

// The fields of SurfaceDistances, of the predictions and of the target.
py::tuple surface_distances(const py::array &preds, const py::array &target, std::int64_t classes,
                            const py::array &ignored, const py::tuple &spacing, bool volume,
                            const std::string &elements) {
    SurfaceJob job;
    job.preds = map_view(preds, false);
    job.target = map_view(target, false);
    require(same_pixels(job.preds, job.target) && (volume || job.target.n == 1), "target");
    constexpr std::int64_t limit = std::int64_t{1} << 31;
    require(job.target.n < limit - 1 && job.target.h < limit - 1 && job.target.w < limit - 1,
            "target");
    job.rule = target_rule(classes, ignored);
    require(classes < 1 << 16, "classes");
    require(spacing.size() == 3, "spacing");
    for (std::size_t axis = 0; axis < 3; ++axis) {
        job.spacing[axis] = spacing[axis].cast<double>();
        require(job.spacing[axis] > 0, "spacing");
    }
    job.volume = volume;
    job.elements = elements_of(elements);
    SurfaceDistances out[2];
    release_gil([&](const CancelToken &cancelled) {
        return launch_surface_distances(job, cancelled, out);
    });
    const auto arrays = [](const SurfaceDistances &side) {
        return py::make_tuple(to_array(side.offsets), to_array(side.distances),
                              to_array(side.codes));
    };
    return py::make_tuple(arrays(out[0]), arrays(out[1]));
}

} // namespace

void bind_distances(py::module_ &m) {
    using py::arg;
    m.def("surface_distances", &surface_distances, arg("preds"), arg("target"), arg("classes"),
          arg("ignored"), arg("spacing"), arg("volume"), arg("elements"));
}

} // namespace segpost::bindings
