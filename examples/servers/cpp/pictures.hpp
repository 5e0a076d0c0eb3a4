// Pictures that came from anybody, and those that are answered.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

struct Picture {
    std::uint32_t height, width;
    std::vector<std::uint8_t> pixels; // (height, width, 3)
};

struct Labels {
    std::uint32_t height, width;
    std::vector<std::uint8_t> values; // (height, width)
};

// The pixels of a PNG or JPEG, as they are stored, without alpha. What the file says of its size is
// read before anything is decoded. Throws Refused: 415 for another format, 413 for too many pixels,
// 422 for a broken file.
Picture decode_picture(const std::vector<std::uint8_t> &content, std::uint64_t max_pixels);

// An indexed PNG: the value of a pixel is its label. `palette` has a red, a green and a blue
// a label.
std::string encode_png(const Labels &labels, const std::vector<std::uint8_t> &palette);
