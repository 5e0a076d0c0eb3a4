#include "pictures.hpp"

#include <cstdlib>
#include <cstring>
#include <memory>

#include <boost/crc.hpp>
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

[[noreturn]] void refuse_png(const std::string &why) {
    throw Refused(422, "the PNG is broken: " + why);
}

void check_png(int error) {
    if (error) refuse_png(spng_strerror(error));
}

bool begins_with(const std::vector<std::uint8_t> &content, std::size_t place, const char *bytes,
                 std::size_t count) {
    return content.size() >= place + count && !std::memcmp(&content[place], bytes, count);
}

std::uint32_t number_at(const std::vector<std::uint8_t> &content, std::size_t place) {
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < 4; ++i) number = number << 8 | content[place + i];
    return number;
}

void check_header(const std::vector<std::uint8_t> &content, std::uint64_t max_pixels) {
    const bool is_first = content.size() >= 33 && begins_with(content, 8, "\0\0\0\rIHDR", 8);
    const std::uint64_t width = is_first ? number_at(content, 16) : 0;
    const std::uint64_t height = is_first ? number_at(content, 20) : 0;
    if (!width || !height || width >> 31 || height >> 31)
        throw Refused(422, "the header of the PNG is broken");
    check_pixels(width, height, max_pixels);
    if (content[24] == 16) throw Refused(415, "the picture is neither gray nor RGB of 8 bits");
}

// Read every chunk up to IEND: libspng does not look behind the pixels. The rules are those of
// ../png_chunks.py.
void check_chunks(const std::vector<std::uint8_t> &content) {
    constexpr std::size_t most = 1000, largest = 1 << 20; // of chunks beside those of pixels
    bool has_palette = false;
    std::size_t place = 8, others = 0;
    for (std::string name; name != "IEND";) {
        const std::size_t left = content.size() - place;
        const std::size_t length = left < 12 ? 0 : number_at(content, place);
        if (left < 12 || left - 12 < length) refuse_png("it ends before IEND");
        name.assign(&content[place] + 4, &content[place] + 8);
        boost::crc_32_type checksum;
        checksum.process_bytes(&content[place + 4], length + 4);
        if (checksum.checksum() != number_at(content, place + 8 + length))
            refuse_png("the checksum of " + name);
        const bool is_needed = !(name[0] & 32), is_pixels = name == "IDAT";
        if (is_needed && name != "IHDR" && name != "PLTE" && name != "IEND" && !is_pixels)
            refuse_png(name + " is unknown");
        others += !is_pixels;
        if (others > most || (!is_pixels && length > largest))
            refuse_png("too much beside its pixels");
        has_palette |= name == "PLTE";
        if (is_pixels && content[25] == SPNG_COLOR_TYPE_INDEXED && !has_palette)
            refuse_png("no palette before its pixels");
        place += 12 + length;
    }
}

Picture decode_png(const std::vector<std::uint8_t> &content, std::uint64_t max_pixels) {
    check_header(content, max_pixels);
    check_chunks(content);
    const Context context(spng_ctx_new(0), spng_ctx_free);
    spng_set_chunk_limits(context.get(), 1 << 20, 1 << 22); // texts and profiles
    check_png(spng_set_png_buffer(context.get(), content.data(), content.size()));
    spng_ihdr header;
    check_png(spng_get_ihdr(context.get(), &header));
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

} // namespace

Picture decode_picture(const std::vector<std::uint8_t> &content, std::uint64_t max_pixels) {
    if (begins_with(content, 0, "\x89PNG\r\n\x1a\n", 8)) return decode_png(content, max_pixels);
    if (begins_with(content, 0, "\xff\xd8\xff", 3)) return decode_jpeg(content, max_pixels);
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
