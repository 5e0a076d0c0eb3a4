// COCO's compressed strings, as segpost/_core/rle.py documents them.
#include "cpu/runtime/launch.hpp"
#include "cpu/runtime/poll.hpp"

#include <algorithm>

namespace segpost {
namespace {

constexpr std::size_t most_characters = 13; // of 5 bits: a number of 64

std::uint8_t *write_number(std::int64_t value, std::uint8_t *to) {
    for (bool has_more = true; has_more;) {
        const std::int64_t digits = value & 0x1f;
        value >>= 5;
        has_more = digits & 0x10 ? value != -1 : value != 0;
        *to++ = static_cast<std::uint8_t>(48 + digits + (has_more ? 0x20 : 0));
    }
    return to;
}

// A number of any digits, as read_number.
const std::uint8_t *read_digits(const std::uint8_t *from, const std::uint8_t *end,
                                std::int64_t &value) {
    constexpr std::uint32_t most_bits = 60; // as _MAX_DIGITS of segpost/_core/rle.py
    std::uint64_t bits = 0;
    for (std::uint32_t shift = 0; from < end && shift < most_bits; shift += 5) {
        const std::uint32_t digit = *from++ - std::uint32_t{48};
        if (digit > 0x3f) return nullptr;
        bits |= std::uint64_t{digit & 0x1f} << shift;
        if (digit & 0x20) continue;
        if (digit & 0x10) bits |= ~std::uint64_t{0} << (shift + 5);
        value = static_cast<std::int64_t>(bits);
        return from;
    }
    return nullptr;
}

// The character after a number; null where it ends too late, or where a character is none.
inline const std::uint8_t *read_number(const std::uint8_t *from, const std::uint8_t *end,
                                       std::int64_t &value) {
    const std::uint32_t digit = *from - std::uint32_t{48};
    if (digit >= 0x20) return read_digits(from, end, value);
    value = static_cast<std::int64_t>(digit ^ 0x10) - 0x10;
    return from + 1;
}

// Writes the runs of masks one after another.
class RunWriter {
  public:
    RunWriter(RunVectors &out, std::int64_t height) : out_(out), height_(height) {}

    // Begins a mask of so many characters.
    void begin(std::int64_t characters, std::int64_t width) {
        x_ = y_ = 0;
        first_ = used_;
        const auto most = static_cast<std::size_t>(characters / 2 + width + 1);
        if (out_.column.size() - used_ >= most) return;
        resize(2 * out_.column.size() + most);
    }

    void skip(std::int64_t pixels) {
        y_ += pixels;
        if (y_ < height_ || pixels == 0) return;
        if (y_ < 2 * height_) { // most often
            y_ -= height_;
            ++x_;
        } else {
            x_ += y_ / height_;
            y_ %= height_;
        }
    }

    void write(std::int64_t pixels) {
        for (std::int64_t here = 0; pixels > 0; pixels -= here) {
            here = std::min(pixels, height_ - y_);
            const auto column = static_cast<std::int32_t>(x_), top = static_cast<std::int32_t>(y_);
            const auto bottom = static_cast<std::int32_t>(y_ + here);
            const bool continues = used_ > first_ && column_[used_ - 1] == column &&
                                   bottom_[used_ - 1] == top; // after a count of 0
            if (!continues) {
                column_[used_] = column;
                top_[used_++] = top;
            }
            bottom_[used_ - 1] = bottom;
            skip(here);
        }
    }

    void end() { out_.offsets.push_back(static_cast<std::int64_t>(used_)); }

    void resize(std::size_t runs) {
        for (std::vector<std::int32_t> *values : {&out_.column, &out_.top, &out_.bottom})
            values->resize(runs);
        column_ = out_.column.data(), top_ = out_.top.data(), bottom_ = out_.bottom.data();
    }

    void finish() { resize(used_); }

  private:
    RunVectors &out_;
    std::int64_t height_, x_ = 0, y_ = 0; // the next pixel
    std::size_t used_ = 0, first_ = 0;    // runs, and those of the masks before
    std::int32_t *column_ = nullptr, *top_ = nullptr, *bottom_ = nullptr;
};

// Whether a string is one of a mask of so many pixels.
bool write_mask(const std::uint8_t *from, const std::uint8_t *end, std::int64_t pixels,
                RunWriter &writer) {
    std::int64_t before = 0, two_before = 0; // counts
    for (std::int64_t i = 0; from < end; ++i) {
        std::int64_t count = 0;
        from = read_number(from, end, count);
        if (!from) return false;
        if (i > 2) count += two_before;
        if (count < 0 || count > pixels) return false;
        if (i % 2)
            writer.write(count);
        else
            writer.skip(count);
        pixels -= count;
        two_before = before, before = count;
    }
    return pixels == 0;
}

} // namespace

bool launch_decompress_runs(const CodesJob &job, const CancelToken &cancelled, RunVectors &out,
                            std::int64_t &bad) {
    RunWriter writer(out, job.height);
    Poll poll(cancelled);
    bad = -1;
    out.offsets.assign(1, 0);
    for (std::int64_t mask = 0, from = 0; mask < job.masks; from = job.ends[mask++]) {
        const std::int64_t end = job.ends[mask];
        writer.begin(end - from, job.width);
        if (!write_mask(job.characters + from, job.characters + end, job.height * job.width,
                        writer)) {
            bad = mask;
            out = RunVectors{};
            out.offsets.assign(1, 0);
            return true;
        }
        writer.end();
        if (poll(end - from + job.width)) return false;
    }
    writer.finish();
    return true;
}

bool launch_count_runs(const RegionRuns &runs, std::int64_t height, std::int64_t width,
                       const CancelToken &cancelled, MaskRuns &out) {
    const std::int64_t pixels = height * width;
    out.counts.reserve(static_cast<std::size_t>(2 * runs.offsets[runs.regions] + runs.regions));
    for (std::int64_t region = 0; region < runs.regions; ++region) {
        if (cancelled()) return false;
        std::int64_t end = 0; // of the run before
        for (std::int64_t i = runs.offsets[region]; i < runs.offsets[region + 1]; ++i) {
            const std::int64_t start = runs.column[i] * height + runs.top[i];
            const std::int64_t length = runs.bottom[i] - runs.top[i];
            if (i > runs.offsets[region] && start == end) {
                out.counts.back() += length;
            } else {
                out.counts.push_back(start - end);
                out.counts.push_back(length);
            }
            end = start + length;
        }
        if (end < pixels) out.counts.push_back(pixels - end);
        out.ends.push_back(static_cast<std::int64_t>(out.counts.size()));
    }
    return true;
}

bool launch_compress_counts(const std::int64_t *counts, const std::int64_t *ends,
                            std::int64_t masks, const CancelToken &cancelled, MaskCodes &out) {
    std::vector<std::uint8_t> &characters = out.characters;
    std::size_t used = 0;
    out.ends.clear();
    for (std::int64_t mask = 0, begin = 0; mask < masks; begin = ends[mask++]) {
        for (std::int64_t i = begin; i < ends[mask]; ++i) {
            if (i % (1 << 20) == 0 && cancelled()) return false;
            if (characters.size() - used < most_characters)
                characters.resize(2 * characters.size() + 4096);
            std::uint8_t *const to = characters.data() + used;
            const std::int64_t before = i - begin > 2 ? counts[i - 2] : 0;
            used += static_cast<std::size_t>(write_number(counts[i] - before, to) - to);
        }
        out.ends.push_back(static_cast<std::int64_t>(used));
    }
    characters.resize(used);
    return true;
}

} // namespace segpost
