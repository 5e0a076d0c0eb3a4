// The dense CRF on a device as a Python object.
#include "bindings/crf_cuda.hpp"
#include "bindings/crf_jobs.hpp"
#include "bindings/gil.hpp"

#include "cuda/runtime/launch.hpp"

namespace segpost::bindings {
namespace {

class Solver {
  public:
    // `allocate` gives an array of so many bytes on the device.
    Solver(Record<records::Unary> unary, py::tuple terms, bool include_self,
           const py::object &config, std::uintptr_t stream, py::function allocate)
        : unary_(std::move(unary)), terms_(std::move(terms)), allocate_(std::move(allocate)),
          shape_(from_python(unary_)) {
        LatticeConfig how;
        const bool exact = config.is_none();
        if (!exact) how = from_python(Record<records::LatticeConfig>(config));
        std::vector<PairwiseJob> jobs = pairwise_jobs(terms_, shape_);
        const ReleasedGil released;
        solver_ = gpu::crf_solver(shape_, std::move(jobs), include_self, exact ? nullptr : &how,
                                  stream, [this](std::size_t bytes) { return take(bytes); });
    }

    py::list infer(const py::array &out, std::int64_t iterations, const py::object &start,
                   const py::object &tolerance, bool trace) {
        const ProbabilityView to = probability_view(out, shape_, true);
        ProbabilityView from;
        if (!start.is_none()) from = probability_view(start.cast<py::array>(), shape_, false);
        const bool begins = !start.is_none();
        const double limit = tolerance.is_none() ? -1.0 : tolerance.cast<double>();
        require(iterations >= 0 && !solver_->bad.any(), "infer");
        std::vector<CrfStep> steps;
        {
            const ReleasedGil released;
            steps = solver_->infer(to, iterations, begins ? &from : nullptr, limit, trace);
        }
        return to_python(steps);
    }

    py::object bad() const { return to_python(solver_->bad); }

  private:
    void *take(std::size_t bytes) {
        const HeldGil held;
        const auto array = allocate_(bytes).cast<py::array>();
        memory_.append(array);
        return address(array, true);
    }

    Record<records::Unary> unary_; // keeps its arrays
    py::tuple terms_;
    py::function allocate_;
    py::list memory_;
    UnaryView shape_;
    std::unique_ptr<gpu::CrfSolver> solver_;
};

// `errors` counts labels that are none: [2] numbers, as an ErrorCount.
void label_energies(const py::array &labels, const py::array &out, const py::object &unsure,
                    float label_energy, float other_energy, float unsure_energy,
                    std::uintptr_t stream, const py::array &errors) {
    gpu::LabelUnary job;
    job.labels = map_view(labels, false);
    require(out.ndim() == 4 && out.itemsize() == 4 && (out.flags() & py::array::c_style) &&
                out.shape(1) == job.labels.n && out.shape(2) == job.labels.h &&
                out.shape(3) == job.labels.w,
            "energies");
    job.classes = out.shape(0);
    job.out = reinterpret_cast<float *>(address(out, true));
    job.has_unsure = !unsure.is_none();
    if (job.has_unsure) job.unsure = unsure.cast<std::int64_t>();
    job.label_energy = label_energy, job.other_energy = other_energy;
    job.unsure_energy = unsure_energy;
    require(static_cast<std::size_t>(errors.nbytes()) >= sizeof(gpu::ErrorCount), "errors");
    auto *count = reinterpret_cast<gpu::ErrorCount *>(address(errors, true));
    gpu::clear(count, sizeof(gpu::ErrorCount), stream);
    gpu::launch_label_energies(job, stream, count);
}

// [N, L, H, W] to [N, H, W], both float32.
void reduce_max(const py::array &values, const py::array &out, std::uintptr_t stream) {
    require(values.ndim() == 4 && values.shape(1) > 0 && out.ndim() == 3 &&
                values.itemsize() == 4 && out.itemsize() == 4 && out.shape(0) == values.shape(0) &&
                out.shape(1) == values.shape(2) && out.shape(2) == values.shape(3),
            "reduce_max");
    ProbabilityView from;
    from.data = const_cast<char *>(static_cast<const char *>(values.data()));
    from.stride_d = values.strides(0), from.stride_l = values.strides(1);
    from.stride_h = values.strides(2), from.stride_w = values.strides(3);
    gpu::launch_reduce_max(from, values.shape(1), map_view(out, true), stream);
}

// `keys` is memory for an ErrorCount and [2, channels] keys; see gpu::launch_feature_range.
void feature_range(const py::array &features, std::uintptr_t stream, const py::array &keys) {
    require(features.ndim() == 4, "features");
    GuideView view;
    view.data = static_cast<const char *>(features.data());
    view.dtype = element_type(features);
    view.channels = features.shape(3);
    view.stride_d = features.strides(0), view.stride_h = features.strides(1);
    view.stride_w = features.strides(2), view.stride_c = features.strides(3);
    const auto bytes = static_cast<std::size_t>(keys.nbytes());
    require(bytes >= sizeof(gpu::ErrorCount) + 16 * static_cast<std::size_t>(view.channels),
            "keys");
    char *memory = address(keys, true);
    gpu::clear(memory, bytes, stream);
    gpu::launch_feature_range(
        view, features.shape(0), features.shape(1), features.shape(2), stream,
        reinterpret_cast<unsigned long long *>(memory + sizeof(gpu::ErrorCount)),
        reinterpret_cast<gpu::ErrorCount *>(memory));
}

} // namespace

void bind_crf_on_device(py::module_ &m) {
    using py::arg;
    py::class_<Solver>(m, "CrfSolver")
        .def(py::init<Record<records::Unary>, py::tuple, bool, py::object, std::uintptr_t,
                      py::function>(),
             arg("unary"), arg("terms"), arg("include_self"), arg("config").none(true),
             arg("stream"), arg("allocate"))
        .def_property_readonly("bad", &Solver::bad)
        .def("infer", &Solver::infer, arg("out"), arg("iterations"), arg("start").none(true),
             arg("tolerance").none(true), arg("trace"));
    m.def("label_energies", &label_energies, arg("labels"), arg("out"), arg("unsure").none(true),
          arg("label_energy"), arg("other_energy"), arg("unsure_energy"), arg("stream"),
          arg("errors"));
    m.def("reduce_max", &reduce_max, arg("values"), arg("out"), arg("stream"));
    m.def("feature_range", &feature_range, arg("features"), arg("stream"), arg("keys"));
}

} // namespace segpost::bindings
