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
        const std::uint64_t hash = hash_of(name);
        std::size_t at = place(hash);
        for (; slots_[at].id != nobody; at = (at + 1) & mask_)
            if (slots_[at].tag == tag(hash) && same(slots_[at].id, name, key)) return slots_[at].id;
        slots_[at] = {tag(hash), size()};
        names_.push_back(name);
        if (width_) keys_.insert(keys_.end(), key, key + width_);
        return slots_[at].id;
    }
    void reserve(std::size_t count) { // of an empty set
        while (slots_.size() < 2 * count)
            mask_ = 2 * slots_.size() - 1, --shift_, slots_.resize(mask_ + 1);
        std::fill(slots_.begin(), slots_.end(), Slot{0, nobody});
        names_.reserve(count);
        keys_.reserve(count * static_cast<std::size_t>(width_));
    }

  private:
    struct Slot {
        std::uint32_t tag, id; // bits of the hash, most often enough to tell names apart
    };
    std::int64_t width_;
    std::vector<std::uint64_t> names_;
    std::vector<std::int32_t> keys_; // only where names are not unique
    std::vector<Slot> slots_ = std::vector<Slot>(64, Slot{0, nobody});
    std::size_t mask_ = 63;
    int shift_ = 58;

    static std::uint64_t hash_of(std::uint64_t name) { return name * 0x9e3779b97f4a7c15u; }
    static std::uint32_t tag(std::uint64_t hash) { return static_cast<std::uint32_t>(hash); }
    std::size_t place(std::uint64_t hash) const { return static_cast<std::size_t>(hash >> shift_); }
    bool same(std::uint32_t id, std::uint64_t name, const std::int32_t *key) const {
        return names_[id] == name &&
               (!width_ || !std::memcmp(keys_.data() + id * width_, key,
                                        static_cast<std::size_t>(width_) * 4));
    }
    void grow() {
        slots_.assign(slots_.size() * 2, Slot{0, nobody});
        mask_ = slots_.size() - 1;
        --shift_;
        for (std::uint32_t id = 0; id < size(); ++id) {
            const std::uint64_t hash = hash_of(names_[id]);
            std::size_t at = place(hash);
            while (slots_[at].id != nobody) at = (at + 1) & mask_;
            slots_[at] = {tag(hash), id};
        }
    }
};

} // namespace segpost
