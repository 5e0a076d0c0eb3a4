// A dense CRF's arguments as the structs of ops/crf.hpp, the same for every backend whose kernels
// are compiled.
#pragma once

#include "bindings/convert.hpp"

#include <vector>

#include "ops/crf/crf.hpp"

namespace segpost::bindings {

inline constexpr std::array<std::pair<const char *, Meaning>, 3> meanings{
    {{"probabilities", Meaning::probabilities},
     {"logits", Meaning::logits},
     {"energies", Meaning::energies}}};
inline constexpr std::array<std::pair<const char *, Normalization>, 4> normalizations{
    {{"symmetric", Normalization::symmetric},
     {"row", Normalization::row},
     {"column", Normalization::column},
     {"none", Normalization::none}}};

template <class Names> auto named(const Names &names, const std::string &name) {
    for (const auto &[text, value] : names)
        if (name == text) return value;
    throw std::invalid_argument("internal: " + name);
}

// A NamedTuple _dispatch.Unary.
inline UnaryView unary_view(const py::tuple &given) {
    const auto values = given[0].cast<py::array>();
    require(values.ndim() == 4 && values.shape(0) > 0, "unary");
    UnaryView view;
    view.data = static_cast<const char *>(values.data());
    view.dtype = element_type(given[1].cast<std::string>());
    view.meaning = named(meanings, given[2].cast<std::string>());
    view.clamp = given[3].cast<double>();
    view.labels = values.shape(0), view.d = values.shape(1);
    view.h = values.shape(2), view.w = values.shape(3);
    view.stride_l = values.strides(0), view.stride_d = values.strides(1);
    view.stride_h = values.strides(2), view.stride_w = values.strides(3);
    require(view.pixels() > 0, "unary has pixels");
    return view;
}

// A NamedTuple _dispatch.Pairwise. The arrays live as long as the Python object.
inline PairwiseJob pairwise_job(const py::tuple &given, const UnaryView &unary) {
    PairwiseJob job;
    job.has_places = !given[0].is_none();
    if (job.has_places) {
        const auto sigma = given[0].cast<py::tuple>();
        for (int i = 0; i < 3; ++i) {
            job.sigma[i] = sigma[static_cast<std::size_t>(i)].cast<double>();
            require(job.sigma[i] > 0, "sigma");
        }
    }
    if (!given[1].is_none()) {
        const auto guide = given[1].cast<py::array>();
        require(guide.ndim() == 4 && guide.shape(0) == unary.d && guide.shape(1) == unary.h &&
                    guide.shape(2) == unary.w,
                "guide");
        job.guide.data = static_cast<const char *>(guide.data());
        job.guide.dtype = element_type(guide);
        require(job.guide.dtype == DType::u8 || !given[5].is_none(), "guide's range");
        job.guide.channels = guide.shape(3);
        job.guide.stride_d = guide.strides(0), job.guide.stride_h = guide.strides(1);
        job.guide.stride_w = guide.strides(2), job.guide.stride_c = guide.strides(3);
        job.guide_sigma = table<double>(given[2].cast<py::array>(), job.guide.channels);
        if (!given[5].is_none())
            job.guide_range = table<double>(given[5].cast<py::array>(), 2 * job.guide.channels);
    }
    const std::int64_t features = (job.has_places ? 3 : 0) + job.guide.channels;
    require(features > 0 && features <= most_features, "features");
    require(py::isinstance<py::array>(given[3]), "attraction is an array, whose memory stays");
    const auto attraction = given[3].cast<py::array>();
    require(attraction.itemsize() == 8 && attraction.ndim() <= 2 &&
                (attraction.flags() & py::array::c_style),
            "attraction");
    for (int i = 0; i < attraction.ndim(); ++i)
        require(attraction.shape(i) == unary.labels, "attraction");
    job.kind = static_cast<Attraction>(attraction.ndim());
    job.attraction = static_cast<const double *>(attraction.data());
    job.normalization = named(normalizations, given[4].cast<std::string>());
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
    for (const py::handle term : terms) jobs.push_back(pairwise_job(term.cast<py::tuple>(), unary));
    return jobs;
}

// A NamedTuple _dispatch.LatticeRecipe.
inline LatticeRecipe lattice_recipe(const py::tuple &given) {
    return {given[0].cast<std::int64_t>(), given[1].cast<double>(), given[2].cast<double>(),
            given[3].cast<std::int64_t>(), given[4].cast<double>()};
}

inline py::list listed(const std::vector<CrfStep> &steps) {
    py::list list;
    for (const CrfStep &step : steps)
        list.append(py::make_tuple(step.entropy, step.unary, step.pairwise, step.change));
    return list;
}

inline py::tuple listed(const BadUnary &b) {
    return py::make_tuple(b.total, b.first, b.outside, b.outside_at, b.hopeless, b.hopeless_at);
}

} // namespace segpost::bindings
