// What operators have in common: attributes as a runtime has them, and errors.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "segpost/capi.h"

namespace segpost::runtimes {

// What a node cannot do; the text begins with the name of its operator.
struct OperatorError : std::runtime_error {
    OperatorError(const std::string &name, const std::string &what)
        : std::runtime_error("segpost." + name + ": " + what) {}
};

using Integers = std::vector<std::int64_t>;
using Numbers = std::vector<double>;

// The attributes of a node, as its runtime has them. One that is absent has no value, and one of
// another type throws std::invalid_argument.
struct Attributes {
    virtual ~Attributes() = default;
    virtual std::optional<std::string> text(const char *name) const = 0;
    virtual std::optional<std::int64_t> integer(const char *name) const = 0;
    virtual std::optional<double> number(const char *name) const = 0;
    virtual std::optional<Integers> integers(const char *name) const = 0;
    virtual std::optional<Numbers> numbers(const char *name) const = 0;
};

struct Word {
    const char *name;
    int value;
};

class Operator {
  public:
    explicit Operator(std::string name) : name_(std::move(name)) {
        api_ = segpost_get_api(SEGPOST_ABI);
        require(api_ && api_->size >= sizeof *api_,
                "libsegpost is of another version than the library of operators");
    }
    const std::string &name() const { return name_; }

  protected:
    void require(bool condition, const std::string &what) const {
        if (!condition) throw OperatorError(name_, what);
    }

    void check(int status, const segpost_report &report) const {
        require(status == SEGPOST_OK, report.message);
    }

    // Reads attributes; one of another type is an error of this operator.
    template <class Read> auto read(const Read &attribute) const {
        try {
            return attribute();
        } catch (const std::invalid_argument &error) {
            throw OperatorError(name_, error.what());
        }
    }

    int choose(const Attributes &attributes, const char *attribute,
               std::initializer_list<Word> words) const {
        const auto text = read([&] { return attributes.text(attribute); });
        if (!text) return words.begin()->value;
        std::string names;
        for (const Word &word : words) {
            if (*text == word.name) return word.value;
            names += (names.empty() ? "" : ", ") + std::string(word.name);
        }
        throw OperatorError(name_, std::string(attribute) + " must be one of " + names + ", got '" +
                                       *text + "'");
    }

    void check_rank(const segpost_array &array, const char *title, int ndim,
                    const char *axes) const {
        require(array.ndim == ndim, std::string(title) + " must be " + axes + ", got " +
                                        std::to_string(array.ndim) + " dimensions");
    }

    void check_palette(const segpost_array &palette) const {
        check_rank(palette, "palette", 2, "(K, 3)");
        require(palette.dtype == SEGPOST_UINT8, "palette must be of dtype uint8");
        require(palette.shape[1] == 3 && palette.shape[0] > 0,
                "palette must be (K, 3), got (" + std::to_string(palette.shape[0]) + ", " +
                    std::to_string(palette.shape[1]) + ")");
        require(palette.strides[1] == 1 && palette.strides[0] == 3, "palette must be in C order");
    }

    const segpost_api *api_;

  private:
    std::string name_;
};

} // namespace segpost::runtimes
