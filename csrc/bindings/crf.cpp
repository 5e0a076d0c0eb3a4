// The dense CRF as a Python object: prepared once, inferred any number of times.
#include "bindings/crf.hpp"
#include "bindings/crf_jobs.hpp"
#include "bindings/signals.hpp"

#include "cpu/crf/exact.hpp"
#include "cpu/crf/solver.hpp"

namespace segpost::bindings {
namespace {

class Solver {
  public:
    Solver(Record<records::Unary> unary, py::tuple terms, bool include_self,
           const py::object &config)
        : unary_(std::move(unary)), terms_(std::move(terms)), shape_(from_python(unary_)) {
        std::vector<PairwiseJob> jobs = pairwise_jobs(terms_, shape_);
        if (config.is_none()) {
            solver_ = std::make_unique<CrfExact>(shape_, std::move(jobs), include_self);
        } else {
            solver_ =
                std::make_unique<CrfOnLattice>(shape_, std::move(jobs), include_self,
                                               from_python(Record<records::LatticeConfig>(config)));
        }
        release_gil([&](const CancelToken &cancelled) { return solver_->prepare(cancelled); });
    }

    py::list infer(const py::array &out, std::int64_t iterations, const py::object &start,
                   const py::object &tolerance, bool trace) {
        const ProbabilityView to = probability_view(out, shape_, true);
        ProbabilityView from;
        if (!start.is_none()) from = probability_view(start.cast<py::array>(), shape_, false);
        const double limit = tolerance.is_none() ? -1.0 : tolerance.cast<double>();
        require(iterations >= 0 && !solver_->errors().any(), "infer");
        std::vector<CrfStep> steps;
        release_gil([&](const CancelToken &cancelled) {
            return solver_->infer(to, iterations, start.is_none() ? nullptr : &from, limit, trace,
                                  cancelled, steps);
        });
        return to_python(steps);
    }

    py::object bad() const { return to_python(solver_->errors()); }

  private:
    Record<records::Unary> unary_; // keeps its arrays
    py::tuple terms_;
    UnaryView shape_;
    std::unique_ptr<CrfInference> solver_;
};

} // namespace

void bind_crf(py::module_ &m) {
    using py::arg;
    py::class_<Solver>(m, "CrfSolver")
        .def(py::init<Record<records::Unary>, py::tuple, bool, py::object>(), arg("unary"),
             arg("terms"), arg("include_self"), arg("config").none())
        .def_property_readonly("bad", &Solver::bad)
        .def("infer", &Solver::infer, arg("out"), arg("iterations"), arg("start").none(),
             arg("tolerance").none(), arg("trace"));
}

} // namespace segpost::bindings
