// Walks over arrays and grids of any number of sides, the last index the fastest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace dagfusion {

// The next index below `sides`; false, and zeros, behind the last one.
inline bool to_next(std::span<std::int64_t> index, std::span<const std::int64_t> sides) {
  for (std::size_t i = sides.size(); i-- > 0;) {
    if (++index[i] < sides[i]) return true;
    index[i] = 0;
  }
  return false;
}

// Where an index lies in an array without gaps.
inline std::int64_t place_in(std::span<const std::int64_t> sides, std::span<const std::int64_t> index) {
  std::int64_t place = 0;
  for (std::size_t i = 0; i < sides.size(); ++i) place = place * sides[i] + index[i];
  return place;
}

// take(place) for every element of an array that begins at `place` and has these strides. No side is 0.
template <class Take>
void for_each_place(std::int64_t place, std::span<const std::int64_t> sides,
                    std::span<const std::int64_t> strides, const Take& take) {
  std::vector<std::int64_t> index(sides.size());
  for (;;) {
    take(place);
    std::size_t left = sides.size();  // to be gone along, from the last
    for (; left > 0; --left) {
      const std::size_t i = left - 1;
      place += strides[i];
      if (++index[i] < sides[i]) break;
      place -= strides[i] * sides[i];
      index[i] = 0;
    }
    if (left == 0) return;
  }
}

}  // namespace dagfusion
