#include "codes.hpp"

#include <segpost/capi.h>

#include <stdexcept>

namespace {

void check(int status, const segpost_report &report) {
    if (status != SEGPOST_OK) throw std::runtime_error(report.message);
}

// A call that says how much memory it needs: it is repeated with that.
template <class Call> std::int64_t call_twice(std::int64_t capacity, const Call &call) {
    segpost_report report{};
    if (call(capacity, &report) == SEGPOST_OK) return capacity;
    capacity = report.bad;
    check(call(capacity, &report), report);
    return capacity;
}

} // namespace

std::string encode_codes(Labels &labels) {
    static const segpost_api *const api = segpost_get_api(SEGPOST_ABI);
    if (!api) throw std::runtime_error("libsegpost has another ABI");
    const std::int64_t shape[] = {1, labels.height, labels.width};
    const segpost_array array = segpost_packed(labels.values.data(), SEGPOST_UINT8, 3, shape);
    std::vector<segpost_region> regions(256); // as many as labels of uint8
    std::int64_t count = 0;
    segpost_report report{};
    check(api->regions(&array, regions.data(), 256, &count, &report), report);
    std::vector<std::int64_t> counts, ends(256);
    call_twice(4096, [&](std::int64_t capacity, segpost_report *said) {
        counts.resize(std::size_t(capacity));
        return api->region_counts(&array, counts.data(), capacity, ends.data(), 256, said);
    });
    std::vector<std::uint8_t> text;
    std::vector<std::int64_t> stops(256);
    call_twice(2 * std::int64_t(counts.size()), [&](std::int64_t capacity, segpost_report *said) {
        text.resize(std::size_t(capacity));
        return api->compress_counts(counts.data(), ends.data(), count, text.data(), capacity,
                                    stops.data(), said);
    });
    const auto number = [](auto value) { return std::to_string(value); };
    const std::string size =
        "\"size\": [" + number(labels.height) + ", " + number(labels.width) + "]";
    std::string json = "{" + size + ", \"annotations\": [";
    std::int64_t start = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        const segpost_region &one = regions[std::size_t(i)];
        json += i ? ", {" : "{";
        json += "\"category_id\": " + number(one.label) + ", \"area\": " + number(one.area);
        json += ", \"bbox\": [" + number(one.x) + ", " + number(one.y) + ", " + number(one.width) +
                ", " + number(one.height) + "], \"segmentation\": {" + size + ", \"counts\": \"";
        for (; start < stops[std::size_t(i)]; ++start) {
            if (text[std::size_t(start)] == '\\') json += '\\';
            json += char(text[std::size_t(start)]);
        }
        json += "\"}}";
    }
    return json + "]}";
}
