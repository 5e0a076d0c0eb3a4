// Vertices of a lattice by their coordinates.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

namespace segpost {

constexpr std::uint32_t nobody = 0xffffffffu;

// Names of vertices and simplices: integer coordinates times a factor each, added up modulo 2^64. A
// neighbour's name is that of the vertex plus a constant. Where the coordinates' ranges multiply to
// less than 2^64 no two have the same name; else names are random, and coordinates are compared.
struct Naming {
    std::vector<std::uint64_t> factor;
    bool unique = true;

    explicit Naming(const std::vector<double> &ranges) {
        double product = 1;
        for (const double range : ranges) product *= range;
        unique = product < 0x1p63;
        std::uint64_t step = 1;
        for (std::size_t i = 0; i < ranges.size(); ++i) {
            std::uint64_t z = (i + 1) * 0x9e3779b97f4a7c15u; // splitmix64
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
            z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
            factor.push_back(unique ? step : (z ^ (z >> 31)) | 1);
            step *= static_cast<std::uint64_t>(unique ? ranges[i] : 1);
        }
    }
    std::uint64_t of(const std::int32_t *key, std::int64_t count) const {
        std::uint64_t name = 0;
        for (std::int64_t i = 0; i < count; ++i)
            name += factor[i] * static_cast<std::uint64_t>(key[i]);
        return name;
    }
};

// A set of vertices or simplices, numbered in the order they were added.
class Keys {
  public:
    Keys(std::int64_t width, bool unique) : width_(unique ? 0 : width) {}

    std::uint32_t size() const { return static_cast<std::uint32_t>(names_.size()); }
    std::uint64_t name(std::uint32_t id) const { return names_[id]; }
    const std::int32_t *key(std::uint32_t id) const { return keys_.data() + id * width_; }

    std::uint32_t add(std::uint64_t name, const std::int32_t *key) {
        if (2 * (names_.size() + 1) > slots_.size()) grow();
        std::size_t at = place(name);
        for (; slots_[at].id != nobody; at = (at + 1) & mask_)
            if (same(slots_[at], name, key)) return slots_[at].id;
        slots_[at] = {name, size()};
        names_.push_back(name);
        if (width_) keys_.insert(keys_.end(), key, key + width_);
        return slots_[at].id;
    }
    void reserve(std::size_t count) {
        while (slots_.size() < 2 * count) grow();
        names_.reserve(count);
        keys_.reserve(count * static_cast<std::size_t>(width_));
    }

  private:
    struct Slot {
        std::uint64_t name;
        std::uint32_t id;
    };
    std::int64_t width_;
    std::vector<std::uint64_t> names_;
    std::vector<std::int32_t> keys_; // only where names are not unique
    std::vector<Slot> slots_ = std::vector<Slot>(64, Slot{0, nobody});
    std::size_t mask_ = 63;
    int shift_ = 58;

    std::size_t place(std::uint64_t name) const {
        return static_cast<std::size_t>((name * 0x9e3779b97f4a7c15u) >> shift_);
    }
    bool same(const Slot &slot, std::uint64_t name, const std::int32_t *key) const {
        return slot.name == name && (!width_ || !std::memcmp(keys_.data() + slot.id * width_, key,
                                                             static_cast<std::size_t>(width_) * 4));
    }
    void grow() {
        slots_.assign(slots_.size() * 2, Slot{0, nobody});
        mask_ = slots_.size() - 1;
        --shift_;
        for (std::uint32_t id = 0; id < size(); ++id) {
            std::size_t at = place(names_[id]);
            while (slots_[at].id != nobody) at = (at + 1) & mask_;
            slots_[at] = {names_[id], id};
        }
    }
};

} // namespace segpost
