#include "capi/status.hpp"

namespace segpost::capi {
namespace {

std::string place_text(std::int64_t flat, std::int64_t h, std::int64_t w) {
    return "image " + std::to_string(flat / (h * w)) + ", y " + std::to_string(flat / w % h) +
           ", x " + std::to_string(flat % w);
}

} // namespace

int set_report(segpost_report *report, int status, std::string_view text, std::int64_t bad,
               std::int64_t first) {
    if (!report) return status;
    report->bad = bad, report->first = first;
    text = text.substr(0, sizeof report->message - 1);
    report->message[text.copy(report->message, text.size())] = 0;
    return status;
}

int to_status(const LogitErrors &errors, const Logits &logits, std::int64_t h, std::int64_t w,
              bool propagate, const char *what, segpost_report *report) {
    if (propagate) return SEGPOST_OK;
    if (errors.nan_count)
        return set_report(report, SEGPOST_BAD_VALUES,
                          "logits have " + std::to_string(errors.nan_count) + " NaN, first at " +
                              place_text(errors.nan_first, logits.h, logits.w),
                          errors.nan_count, errors.nan_first);
    if (errors.undefined_count)
        return set_report(report, SEGPOST_BAD_VALUES,
                          "logits give no " + std::string(what) + " at " +
                              std::to_string(errors.undefined_count) + " pixels, first at " +
                              place_text(errors.undefined_first, h, w) +
                              ": a NaN, or infinities, meet there",
                          errors.undefined_count, errors.undefined_first);
    return SEGPOST_OK;
}

int to_status(const LabelErrors &errors, const LabelView &labels, std::int64_t classes,
              segpost_report *report) {
    if (!errors.count) return SEGPOST_OK;
    return set_report(report, SEGPOST_BAD_VALUES,
                      "labels have " + std::to_string(errors.count) + " values outside 0.." +
                          std::to_string(classes - 1) + ", first at " +
                          place_text(errors.first, labels.h, labels.w),
                      errors.count, errors.first);
}

} // namespace segpost::capi
