// The kernels of calibration, under the names of segpost._core.calibration_contract.
#include "bindings/calibration.hpp"
#include "bindings/jobs.hpp"
#include "bindings/signals.hpp"

#include "cpu/runtime/launch.hpp"

namespace segpost::bindings {
namespace {

using SumsRecord = Record<records::CalibrationSums>;

CalibrationTables tables_view(const CalibrationJob &job, const SumsRecord &sums) {
    using R = records::CalibrationSums;
    const auto table = [&](R::Field field, std::initializer_list<py::ssize_t> shape,
                           const char *name) {
        return checked_array<std::int64_t>(sums.get<py::array>(field), shape, name, true);
    };
    const std::int64_t classes = job.logits.c;
    CalibrationTables tables;
    tables.counts = table(R::counts, {job.intervals, 2}, "counts");
    tables.confidence = table(R::confidence, {job.intervals, 2}, "confidence");
    if (job.bins) {
        tables.class_counts = table(R::class_counts, {classes, job.bins, 2}, "class_counts");
        tables.class_confidence =
            table(R::class_confidence, {classes, job.bins, 2}, "class_confidence");
    }
    tables.loss = table(R::loss, {2, 2}, "loss");
    if (job.with_temperature) tables.curve = table(R::curve, {temperatures, 3, 2}, "curve");
    tables.pixels = table(R::pixels, {4}, "pixels");
    return tables;
}

py::object calibration_logits(const Record<records::Logits> &logits, const py::object &axes,
                              const py::array &target, const py::array &ignored,
                              const SumsRecord &sums) {
    using R = records::CalibrationSums;
    CalibrationJob job;
    static_cast<ArgmaxJob &>(job) = argmax_job(logits, axes);
    require(job.resample && !job.has_threshold, "axes");
    job.scale = logits.get<double>(records::Logits::scale);
    job.target = map_view(target, false);
    require(job.target.n == job.logits.n && job.target.h == job.height() &&
                job.target.w == job.width(),
            "target");
    job.rule = target_rule(job.logits.c, ignored);
    job.intervals = sums.get<py::array>(R::counts).shape(0);
    require(job.intervals > 0 && job.intervals < (std::int64_t{1} << 20), "counts");
    if (sums.has(R::class_counts)) job.bins = sums.get<py::array>(R::class_counts).shape(1);
    job.with_temperature = sums.has(R::curve);
    const CalibrationTables tables = tables_view(job, sums);
    LogitErrors errors;
    release_gil([&](const CancelToken &cancelled) {
        return launch_calibration(job, cancelled, tables, errors);
    });
    return to_python(errors);
}

} // namespace

void bind_calibration(py::module_ &m) {
    using py::arg;
    m.def("calibration_logits", &calibration_logits, arg("logits"), arg("axes"), arg("target"),
          arg("ignored"), arg("sums"));
}

} // namespace segpost::bindings
