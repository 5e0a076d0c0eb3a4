// The passes of decoding for an expected score, under the names of segpost._backends.decoding.
#include "bindings/decoding.hpp"
#include "bindings/jobs.hpp"
#include "bindings/signals.hpp"

#include "cpu/runtime/launch.hpp"

namespace segpost::bindings {
namespace {

// A table whose first two axes are images and classes.
template <class T>
T *class_table(const py::array &array, const Logits &logits, const char *name, bool written) {
    return checked_array<T>(array, {logits.n, logits.c}, name, written);
}

void set_job(DecodingJob &job, const Record<records::Logits> &logits, const py::object &axes,
             const py::array &blocks) {
    job.logits = from_python(logits);
    require(!logits.has(records::Logits::threshold), "logits");
    job.y = axis_view(axes.attr(axis_names().y));
    job.x = axis_view(axes.attr(axis_names().x));
    require(job.y.n_in == job.logits.h && job.x.n_in == job.logits.w, "axes");
    job.unit = logits.get<double>(records::Logits::scale) / (job.y.den * job.x.den);
    const std::int64_t count = (job.x.n_out + decoding_block - 1) / decoding_block;
    job.blocks =
        checked_array<std::uint8_t>(blocks, {job.logits.n, job.y.n_out, count}, "blocks", true);
}

void set_labels(SettleLabelsJob &job, const py::array &lower, const py::array &upper,
                const py::array &labels) {
    job.lower = class_table<float>(lower, job.logits, "lower", false);
    job.upper = class_table<float>(upper, job.logits, "upper", false);
    job.labels = map_view(labels, true);
    require(job.labels.n == job.logits.n && job.labels.h == job.y.n_out &&
                job.labels.w == job.x.n_out &&
                (job.labels.dtype == DType::u8 || job.labels.dtype == DType::i32),
            "labels");
}

py::object count_levels(const Record<records::Logits> &logits, const py::object &axes,
                        const py::array &blocks, const py::array &first, int shift,
                        const py::array &counts, const py::array &sums, const py::array &mass) {
    CountLevelsJob job;
    set_job(job, logits, axes, blocks);
    job.first = class_table<std::int32_t>(first, job.logits, "first", false);
    require(shift >= 0 && shift < 31 && counts.ndim() == 3, "shift");
    job.shift = shift, job.bins = counts.shape(2);
    LevelSums tables;
    tables.counts =
        checked_array<std::int64_t>(counts, {job.logits.n, job.logits.c, job.bins}, "counts", true);
    tables.sums =
        checked_array<std::int64_t>(sums, {job.logits.n, job.logits.c, job.bins}, "sums", true);
    tables.mass = class_table<std::int64_t>(mass, job.logits, "mass", true);
    LogitErrors errors;
    release_gil([&](const CancelToken &cancelled) {
        return launch_count_levels(job, cancelled, tables, errors);
    });
    return to_python(errors);
}

void settle_labels(const Record<records::Logits> &logits, const py::object &axes,
                   const py::array &blocks, const py::array &lower, const py::array &upper,
                   const py::array &counts, const py::array &sums, const py::array &labels) {
    SettleLabelsJob job;
    set_job(job, logits, axes, blocks);
    set_labels(job, lower, upper, labels);
    const SingleSums tables{class_table<std::int64_t>(counts, job.logits, "counts", true),
                            class_table<std::int64_t>(sums, job.logits, "sums", true)};
    release_gil(
        [&](const CancelToken &cancelled) { return launch_settle_labels(job, cancelled, tables); });
}

void resolve_labels(const Record<records::Logits> &logits, const py::object &axes,
                    const py::array &blocks, const py::array &lower, const py::array &candidates,
                    const py::array &gains, bool is_iou, const py::array &labels) {
    ResolveLabelsJob job;
    set_job(job, logits, axes, blocks);
    set_labels(job, lower, lower, labels);
    job.candidates = class_table<std::uint8_t>(candidates, job.logits, "candidates", false);
    job.gains = checked_array<double>(gains, {job.logits.n, job.logits.c, 2}, "gains", false);
    job.is_iou = is_iou;
    release_gil(
        [&](const CancelToken &cancelled) { return launch_resolve_labels(job, cancelled); });
}

} // namespace

void bind_decoding(py::module_ &m) {
    using py::arg;
    m.def("count_levels", &count_levels, arg("logits"), arg("axes"), arg("blocks"), arg("first"),
          arg("shift"), arg("counts"), arg("sums"), arg("mass"));
    m.def("settle_labels", &settle_labels, arg("logits"), arg("axes"), arg("blocks"), arg("lower"),
          arg("upper"), arg("counts"), arg("sums"), arg("labels"));
    m.def("resolve_labels", &resolve_labels, arg("logits"), arg("axes"), arg("blocks"),
          arg("lower"), arg("candidates"), arg("gains"), arg("is_iou"), arg("labels"));
}

} // namespace segpost::bindings
