// What a term computes of Q, in stages: all terms do their first stage in one launch, then their
// second. A launch costs more time than most stages.
#pragma once

#include "cuda/crf/crf.hpp"

namespace segpost::gpu {

// Entries of a vertex, in pieces: a vertex may have one pixel, or a sky of them.
struct Splat {
    const unsigned *start;     // [met + 1] entries
    const unsigned *piece_end; // [met] pieces up to and with each vertex
    const unsigned *vertex;    // [pieces] whose they are
    const unsigned *pixel;     // [entries]
    const float *share;        // [entries]
    std::int64_t met, length, pieces;
    float *parts; // [pieces, row] of vertices with more than one
};
constexpr unsigned piece = 64; // entries that one row of threads adds up

// Neighbors of vertices along two axes, plus one; 0: none. Without a second axis its are null.
struct Blur {
    const unsigned *next[2], *previous[2];
    float weight;
};

struct Gather {
    std::int64_t h, w, width; // pixels, nodes
    int step_y, step_x;
    const float *in_y, *in_x; // [h, 2], [w, 2]
    const float *before;      // [pixels], or null
};

// Nodes of a grid in lines.
struct Convolution {
    const float *taps; // [radius + 1], from the middle
    int radius;
    std::int64_t count, stride; // of the nodes in line
};

enum class StageKind { splat, join, blur, gather, convolve, mix };

// One stage of one term: `count` rows, each by a row of threads.
struct Stage {
    StageKind kind;
    std::int64_t count;
    const float *from; // of splat and gather it is Q, and null stands for ones
    float *to;
    union {
        Splat splat; // of join too
        Blur blur;
        Gather gather;
        Convolution convolution;
        const float *matrix; // [row, row]
    };
};

// The stages of all terms for one Q.
class Schedule {
  public:
    Schedule(Quads rows_of_q, const Workspace &workspace)
        : rows(rows_of_q), workspace_(workspace) {}

    void begin_term() { step_ = 0; }
    void add(const Stage &stage) {
        if (step_ == steps_.size()) steps_.emplace_back();
        steps_[step_++].push_back(stage);
    }
    void run() const;

    const Quads rows;

  private:
    const Workspace &workspace_;
    std::vector<std::vector<Stage>> steps_;
    std::size_t step_ = 0;
};

} // namespace segpost::gpu
