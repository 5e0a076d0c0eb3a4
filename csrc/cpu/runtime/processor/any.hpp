// A processor of which nothing is known.
#pragma once

namespace segpost {

inline void pause() {}

class FloatMode {
  public:
    FloatMode() {}
};

} // namespace segpost
