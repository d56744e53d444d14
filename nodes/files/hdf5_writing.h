// How libhdf5 writes a file that somebody else has opened, so that it is known where the values of datasets lie in it.
#pragma once

#include <cstdint>

#include "nodes/files/hdf5.h"

namespace dagfusion {

struct Hdf5Writing {
  int descriptor = -1;            // the caller's, stays open
  bool values_lie_there = false;  // they are not written, only given their places again
  std::uint64_t begin = 0;        // of the last values written, from the start of the file
  int problem = 0;                // errno of the first call that did not work
};

// An empty file, whatever the descriptor's holds. `writing` outlives it. Not open when the library returned an error.
Hdf5Id create_hdf5(Hdf5Writing& writing);

}  // namespace dagfusion
