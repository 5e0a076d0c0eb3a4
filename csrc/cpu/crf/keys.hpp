// Vertices of a lattice by their coordinates.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "ops/crf/lattice.hpp"

namespace segpost {

constexpr std::uint32_t nobody = 0xffffffffu;

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
