// What a request may cost, from the environment: the numbers and rules of ../limits.py.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <regex>
#include <stdexcept>
#include <string>

// A whole number in its range; what else came is an error with the name and the range.
inline std::int64_t parse_whole(const std::string &name, const std::string &text,
                                std::int64_t smallest, std::int64_t largest) {
    const bool is_whole = std::regex_match(text, std::regex("[0-9]{1,10}"));
    const std::int64_t number = is_whole ? std::stoll(text) : -1;
    if (number < smallest || number > largest)
        throw std::invalid_argument(name + " is a whole number from " + std::to_string(smallest) +
                                    " to " + std::to_string(largest) + ", got '" + text + "'");
    return number;
}

// A time of up to a day.
inline double parse_seconds(const std::string &name, const std::string &text) {
    const bool is_decimal = std::regex_match(text, std::regex("[0-9]{1,5}([.][0-9]{1,9})?"));
    const double number = is_decimal ? std::stod(text) : 0;
    if (number < 0.001 || number > 86400)
        throw std::invalid_argument(name + " is a number from 0.001 to 86400, got '" + text + "'");
    return number;
}

inline std::string setting(const char *name, const std::string &usual) {
    const char *text = std::getenv(name);
    return text ? text : usual;
}

inline std::int64_t whole_setting(const char *name, const char *usual, std::int64_t largest) {
    return parse_whole(name, setting(name, usual), 1, largest);
}

struct Limits {
    std::uint64_t max_bytes =
        std::uint64_t(whole_setting("SEGPOST_MAX_BYTES", "8000000", 1'000'000'000));
    std::uint64_t max_pixels =
        std::uint64_t(whole_setting("SEGPOST_MAX_PIXELS", "4000000", 1'000'000'000));
    int max_requests = int(whole_setting("SEGPOST_MAX_REQUESTS", "16", 10'000));
    int threads = int(whole_setting("SEGPOST_THREADS", "2", 256));
    double seconds = parse_seconds("SEGPOST_SECONDS", setting("SEGPOST_SECONDS", "10"));
};
