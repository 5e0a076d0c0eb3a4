// What the parts of the dense CRF have in common on a device.
//
// A row of values has one float a label, padded to whole quads; Q of all pixels lies in memory. All
// sums are made by gathering, in an order that the data fix, so that every run gives the same
// bytes.
#pragma once

#include "gpu.hpp"

#include <memory>
#include <vector>

#include "cuda/runtime/workspace.hpp"
#include "ops/crf/lattice.hpp"

namespace segpost::gpu {

struct Shape {
    std::int64_t d = 1, h = 1, w = 1;
    SEGPOST_HOST_DEVICE std::int64_t pixels() const { return d * h * w; }
};

// Quads of labels, four at a time: so many neighbouring threads, a power of two, share a row.
struct Quads {
    int quads = 1, lanes_log2 = 0;

    explicit Quads(std::int64_t labels) : quads(static_cast<int>((labels + 3) / 4)) {
        while (1 << lanes_log2 < warp_size && 1 << lanes_log2 < quads) ++lanes_log2;
    }
    SEGPOST_HOST_DEVICE int lanes() const { return 1 << lanes_log2; }
    SEGPOST_HOST_DEVICE std::int64_t length() const { return 4 * static_cast<std::int64_t>(quads); }
};

// What a pixel gets from one term: sums over vertices, or over the nodes around it.
struct Messages {
    const float *rows = nullptr;
    const float *label = nullptr;     // [row] weights of labels
    const float *matrix = nullptr;    // [row, row], from and to; it has been applied to `rows`
    int corners = 0;                  // 0: a grid
    const unsigned *vertex = nullptr; // [pixels, corners]
    const float *weight = nullptr;    // [pixels, corners]
    const float *out_y = nullptr, *out_x = nullptr; // [h, 2], [w, 2]
    const float *after = nullptr;                   // [pixels], of a grid
    int step_y = 1, step_x = 1;
    std::int64_t width = 0;
    const float *own = nullptr; // [pixels] what a pixel sends itself, to be taken out
};

class Schedule;

class Term {
  public:
    virtual ~Term() = default;
    // Schedules what pixels of Q get from one another, into `messages.rows`. Without q all have one
    // value, 1.
    virtual void filter(const float *q, Schedule &) = 0;
    virtual void reserve(Quads rows) = 0;

    Messages messages;
    double reach = 0.0; // bound on the sum of a row of the kernel
    double scale = 1.0; // of the kernel to what it stands for
};

std::unique_ptr<Term> lattice_term(const PairwiseJob &, const Shape &, const LatticeConfig &,
                                   bool own, const Workspace &);
std::unique_ptr<Term> grid_term(const PairwiseJob &, const Shape &, bool own, const Workspace &);
std::unique_ptr<Term> exact_term(const PairwiseJob &, const Shape &, bool own, const Workspace &);

// The unary, as it is read.
struct UnarySummary {
    UnaryErrors bad;
    std::vector<float> largest; // log of the largest probability of each label
    double offset = 0;          // what normalising took from the unary, summed over pixels
};
UnarySummary summarize(const UnaryView &, const Workspace &);
// Logs of the labels kept, and of the sum of those dropped, if any: [pixels, rows]
void pack(const UnaryView &, const std::vector<std::int32_t> &kept,
          const std::vector<std::int32_t> &dropped, Quads rows, float *logs, const Workspace &);
void write(const UnaryView &, const std::vector<std::int32_t> &kept,
           const std::vector<std::int32_t> &dropped, Quads rows, const float *q,
           const ProbabilityView &out, const Workspace &);
void read_start(const ProbabilityView &, const Shape &, std::int64_t labels, Quads rows, float *q,
                const Workspace &);

// The features of pixels: places and colors over their sigmas.
struct Features {
    Shape shape;
    int count = 0, places = 0;
    int axis[3] = {0, 0, 0}; // of each place: D, H, W
    double sigma[3] = {1, 1, 1};
    GuideView guide;
    double origin[most_features]; // of the guide's channels
    float inverse[most_features]; // of their sigmas

    Features(const PairwiseJob &, const Shape &);
};

// One update of Q: from the unary and all terms, or from sums so far.
constexpr int terms_at_once = 4;
struct Update {
    Messages term[terms_at_once];
    int count = 0;
    Shape shape;
    Quads rows = Quads(1);
    const float *base = nullptr; // [pixels, row]
    float *q = nullptr;          // [pixels, row]
};
void softmax_of_sums(const Update &, const Workspace &);           // into q
void add_sums(const Update &, float *messages, const Workspace &); // into messages
// Into q, from sums in `messages`; energies of the q before, if asked, one of every block.
struct SoftmaxOptions {
    const float *unary = nullptr; // [pixels, row]
    double *energies = nullptr;   // [softmax_blocks, 3]
    unsigned *change = nullptr;   // bits of the largest |q - q before|
    bool measure = false;         // leave q as it is
};
constexpr int softmax_blocks = 256;
void softmax_of_messages(const float *messages, float *q, std::int64_t pixels, Quads rows,
                         const SoftmaxOptions &, const Workspace &);

} // namespace segpost::gpu
