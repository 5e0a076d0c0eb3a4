#include "pictures.hpp"

#include <cstdlib>
#include <cstring>
#include <memory>

#include <spng.h>
#include <turbojpeg.h>

#include "refused.hpp"

namespace {

using Context = std::unique_ptr<spng_ctx, decltype(&spng_ctx_free)>;
using Handle = std::unique_ptr<void, decltype(&tjDestroy)>;

void check_pixels(std::uint64_t width, std::uint64_t height, std::uint64_t max_pixels) {
    if (width * height > max_pixels)
        throw Refused(413, std::to_string(width) + " x " + std::to_string(height) +
                               " pixels exceed " + std::to_string(max_pixels));
}

void check_png(int error) {
    if (error) throw Refused(422, std::string("the PNG is broken: ") + spng_strerror(error));
}

Picture decode_png(const std::vector<std::uint8_t> &content, std::uint64_t max_pixels) {
    const Context context(spng_ctx_new(0), spng_ctx_free);
    spng_set_chunk_limits(context.get(), 1 << 20, 1 << 22); // texts and profiles
    check_png(spng_set_png_buffer(context.get(), content.data(), content.size()));
    spng_ihdr header;
    check_png(spng_get_ihdr(context.get(), &header));
    check_pixels(header.width, header.height, max_pixels);
    if (header.bit_depth > 8) throw Refused(415, "the picture is neither gray nor RGB of 8 bits");
    Picture picture{header.height, header.width, {}};
    picture.pixels.resize(std::size_t(3) * header.height * header.width);
    check_png(spng_decode_image(context.get(), picture.pixels.data(), picture.pixels.size(),
                                SPNG_FMT_RGB8, 0));
    return picture;
}

Picture decode_jpeg(const std::vector<std::uint8_t> &content, std::uint64_t max_pixels) {
    const Handle handle(tjInitDecompress(), tjDestroy);
    int width = 0, height = 0, sampling = 0, space = 0;
    if (tjDecompressHeader3(handle.get(), content.data(), content.size(), &width, &height,
                            &sampling, &space) ||
        width < 1)
        throw Refused(422, "the header of the JPEG is broken");
    check_pixels(std::uint64_t(width), std::uint64_t(height), max_pixels);
    if (space == TJCS_CMYK || space == TJCS_YCCK)
        throw Refused(415, "the picture is neither gray nor RGB of 8 bits");
    Picture picture{std::uint32_t(height), std::uint32_t(width), {}};
    picture.pixels.resize(std::size_t(3) * picture.height * picture.width);
    // A file of many scans takes long for few bytes.
    if (tjDecompress2(handle.get(), content.data(), content.size(), picture.pixels.data(), width, 0,
                      height, TJPF_RGB, TJFLAG_LIMITSCANS))
        throw Refused(422, std::string("the JPEG is broken: ") + tjGetErrorStr2(handle.get()));
    return picture;
}

bool begins_with(const std::vector<std::uint8_t> &content, const char *bytes, std::size_t count) {
    return content.size() >= count && !std::memcmp(content.data(), bytes, count);
}

} // namespace

Picture decode_picture(const std::vector<std::uint8_t> &content, std::uint64_t max_pixels) {
    if (begins_with(content, "\x89PNG\r\n\x1a\n", 8)) return decode_png(content, max_pixels);
    if (begins_with(content, "\xff\xd8\xff", 3)) return decode_jpeg(content, max_pixels);
    throw Refused(415, "the body is neither PNG nor JPEG");
}

std::string encode_png(const Labels &labels, const std::vector<std::uint8_t> &palette) {
    const Context context(spng_ctx_new(SPNG_CTX_ENCODER), spng_ctx_free);
    spng_set_option(context.get(), SPNG_ENCODE_TO_BUFFER, 1);
    spng_set_option(context.get(), SPNG_IMG_COMPRESSION_LEVEL, 1);
    spng_set_option(context.get(), SPNG_FILTER_CHOICE, SPNG_DISABLE_FILTERING);
    spng_ihdr header{};
    header.width = labels.width, header.height = labels.height;
    header.bit_depth = 8, header.color_type = SPNG_COLOR_TYPE_INDEXED;
    spng_set_ihdr(context.get(), &header);
    spng_plte colors{};
    colors.n_entries = std::uint32_t(palette.size() / 3);
    for (std::size_t i = 0; i < colors.n_entries; ++i)
        colors.entries[i] = {palette[3 * i], palette[3 * i + 1], palette[3 * i + 2], 255};
    spng_set_plte(context.get(), &colors);
    int error = spng_encode_image(context.get(), labels.values.data(), labels.values.size(),
                                  SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
    std::size_t size = 0;
    const std::unique_ptr<void, decltype(&std::free)> bytes(
        error ? nullptr : spng_get_png_buffer(context.get(), &size, &error), std::free);
    if (!bytes) throw std::runtime_error(std::string("no PNG: ") + spng_strerror(error));
    return {static_cast<const char *>(bytes.get()), size};
}
