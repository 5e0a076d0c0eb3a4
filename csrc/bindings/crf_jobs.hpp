// A dense CRF's arguments as the structs of ops/crf.hpp, the same for every backend whose kernels
// are compiled.
#pragma once

#include "bindings/convert.hpp"

#include <vector>

#include "ops/crf/crf.hpp"

namespace segpost::bindings {

inline constexpr std::array<std::pair<const char *, UnaryKind>, 3> unary_kinds{
    {{"probabilities", UnaryKind::probabilities},
     {"logits", UnaryKind::logits},
     {"energies", UnaryKind::energies}}};
inline constexpr std::array<std::pair<const char *, Normalization>, 4> normalizations{
    {{"symmetric", Normalization::symmetric},
     {"row", Normalization::row},
     {"column", Normalization::column},
     {"none", Normalization::none}}};

template <class Names> auto parse_enum(const Names &names, const std::string &name) {
    for (const auto &[text, value] : names)
        if (name == text) return value;
    throw std::invalid_argument("internal: " + name);
}

inline UnaryView from_python(const Record<records::Unary> &record) {
    using R = records::Unary;
    const auto values = record.get<py::array>(R::values);
    require(values.ndim() == 4 && values.shape(0) > 0, "unary");
    UnaryView view;
    view.data = static_cast<const char *>(values.data());
    view.dtype = element_type(record.get<std::string>(R::kind));
    view.unary_kind = parse_enum(unary_kinds, record.get<std::string>(R::unary_kind));
    view.clamp = record.get<double>(R::clamp);
    view.labels = values.shape(0), view.d = values.shape(1);
    view.h = values.shape(2), view.w = values.shape(3);
    view.stride_l = values.strides(0), view.stride_d = values.strides(1);
    view.stride_h = values.strides(2), view.stride_w = values.strides(3);
    require(view.pixels() > 0, "unary has pixels");
    return view;
}

// The arrays live as long as the record.
inline PairwiseJob from_python(const Record<records::Pairwise> &record, const UnaryView &unary) {
    using R = records::Pairwise;
    PairwiseJob job;
    job.has_places = record.has(R::sigma);
    if (job.has_places) {
        const auto sigma = record.get<py::tuple>(R::sigma);
        for (int i = 0; i < 3; ++i) {
            job.sigma[i] = sigma[static_cast<std::size_t>(i)].cast<double>();
            require(job.sigma[i] > 0, "sigma");
        }
    }
    if (record.has(R::guide)) {
        const auto guide = record.get<py::array>(R::guide);
        require(guide.ndim() == 4 && guide.shape(0) == unary.d && guide.shape(1) == unary.h &&
                    guide.shape(2) == unary.w,
                "guide");
        job.guide.data = static_cast<const char *>(guide.data());
        job.guide.dtype = element_type(guide);
        require(job.guide.dtype == DType::u8 || record.has(R::guide_range), "guide's range");
        job.guide.channels = guide.shape(3);
        job.guide.stride_d = guide.strides(0), job.guide.stride_h = guide.strides(1);
        job.guide.stride_w = guide.strides(2), job.guide.stride_c = guide.strides(3);
        job.guide_sigma =
            checked_pointer<double>(record.get<py::array>(R::guide_sigma), job.guide.channels);
        if (record.has(R::guide_range))
            job.guide_range = checked_pointer<double>(record.get<py::array>(R::guide_range),
                                                      2 * job.guide.channels);
    }
    const std::int64_t features = (job.has_places ? 3 : 0) + job.guide.channels;
    require(features > 0 && features <= most_features, "features");
    require(py::isinstance<py::array>(record[R::compatibility]),
            "compatibility is an array, whose memory stays");
    const auto compatibility = record.get<py::array>(R::compatibility);
    require(compatibility.itemsize() == 8 && compatibility.ndim() <= 2 &&
                (compatibility.flags() & py::array::c_style),
            "compatibility");
    for (int i = 0; i < compatibility.ndim(); ++i)
        require(compatibility.shape(i) == unary.labels, "compatibility");
    job.kind = static_cast<CompatibilityKind>(compatibility.ndim());
    job.compatibility = static_cast<const double *>(compatibility.data());
    job.normalization = parse_enum(normalizations, record.get<std::string>(R::normalization));
    return job;
}

inline ProbabilityView probability_view(const py::array &array, const UnaryView &unary,
                                        bool written) {
    require(array.ndim() == 4 && array.itemsize() == 4 && array.dtype().kind() == 'f' &&
                array.shape(0) == unary.labels && array.shape(1) == unary.d &&
                array.shape(2) == unary.h && array.shape(3) == unary.w,
            "probabilities");
    ProbabilityView view;
    view.data = address(array, written);
    view.stride_l = array.strides(0), view.stride_d = array.strides(1);
    view.stride_h = array.strides(2), view.stride_w = array.strides(3);
    return view;
}

inline std::vector<PairwiseJob> pairwise_jobs(const py::tuple &terms, const UnaryView &unary) {
    std::vector<PairwiseJob> jobs;
    for (const py::handle term : terms)
        jobs.push_back(from_python(Record<records::Pairwise>(term), unary));
    return jobs;
}

inline LatticeConfig from_python(const Record<records::LatticeConfig> &record) {
    using R = records::LatticeConfig;
    LatticeConfig config;
    config.passes = record.get<std::int64_t>(R::passes);
    config.blur_weight = record.get<double>(R::blur_weight);
    config.scale = record.get<double>(R::scale);
    config.wide_blur_weight = record.get<double>(R::wide_blur_weight);
    config.wide_scale = record.get<double>(R::wide_scale);
    config.small_passes = record.get<std::int64_t>(R::small_passes);
    config.small_blur_weight = record.get<double>(R::small_blur_weight);
    config.small_scale = record.get<double>(R::small_scale);
    config.bridge_min = record.get<std::int64_t>(R::bridge_min);
    config.prune_bound = record.get<double>(R::prune_bound);
    return config;
}

inline py::object to_python(const CrfStep &step) {
    using R = records::CrfStep;
    return make_record<R, double>({{R::entropy, step.entropy},
                                   {R::unary, step.unary},
                                   {R::pairwise, step.pairwise},
                                   {R::change, step.change}});
}

inline py::list to_python(const std::vector<CrfStep> &steps) {
    py::list list;
    for (const CrfStep &step : steps) list.append(to_python(step));
    return list;
}

inline py::object to_python(const UnaryErrors &bad) {
    using R = records::UnaryErrors;
    return make_record<R, std::int64_t>({{R::count, bad.count},
                                         {R::first, bad.first},
                                         {R::out_of_range, bad.out_of_range},
                                         {R::out_of_range_first, bad.out_of_range_first},
                                         {R::infeasible, bad.infeasible},
                                         {R::infeasible_first, bad.infeasible_first}});
}

} // namespace segpost::bindings
