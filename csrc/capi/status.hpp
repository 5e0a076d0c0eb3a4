// What the C functions return: a status, and a report in words.
#pragma once

#include <cstring>
#include <new>
#include <string>
#include <string_view>

#include "capi/arrays.hpp"
#include "cpu/runtime/launch.hpp"
#include "segpost/capi.h"

namespace segpost::capi {

inline bool no_cancellation() { return false; }

// Fills the report, if there is one, and returns the status. Allocates nothing.
int set_report(segpost_report *report, int status, std::string_view text, std::int64_t bad = 0,
               std::int64_t first = -1);

// Calls `work`; an exception becomes a status, because a caller in C cannot catch it.
template <class Work> int catch_all(segpost_report *report, const Work &work) {
    set_report(report, SEGPOST_OK, "");
    try {
        return work();
    } catch (const BadArgument &error) {
        return set_report(report, SEGPOST_BAD_ARGUMENT, error.what());
    } catch (const std::bad_alloc &) {
        return set_report(report, SEGPOST_NO_MEMORY, "out of memory");
    } catch (const std::exception &error) {
        return set_report(report, SEGPOST_FAILED, error.what());
    }
}

// The errors of a kernel as a status. `what` is the output: "label", "confidence", "probabilities".
int to_status(const LogitErrors &errors, const Logits &logits, std::int64_t h, std::int64_t w,
              bool propagate, const char *what, segpost_report *report);
int to_status(const LabelErrors &errors, const LabelView &labels, std::int64_t classes,
              segpost_report *report);

// The caller's options, those of an older caller filled up with zeros.
template <class Options> Options options_of(const Options *given) {
    Options options{};
    if (!given) return options;
    require(given->struct_size >= sizeof(std::size_t) && given->struct_size <= sizeof options,
            "options have struct_size " + std::to_string(given->struct_size) + ", not " +
                std::to_string(sizeof options));
    std::memcpy(&options, given, given->struct_size);
    return options;
}

} // namespace segpost::capi
