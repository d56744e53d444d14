// How libhdf5 reads a file that somebody else has opened: nothing is opened by name, and nothing can be written.
#pragma once

#include <cstdint>
#include <string>

#include "nodes/files/hdf5.h"

namespace dagfusion {

// Not open when the library refuses it, and `why` is what it says. The descriptor is the caller's, and stays open.
Hdf5Id open_hdf5(int descriptor, std::string& why);

struct Hdf5Place {
  std::uint64_t begin = 0, bytes = 0;  // from the start of the file
};

// While it lives, values of datasets are not read on this thread, only looked for: what a reading call was given for them
// stays as it is.
class OnlyPlaces {
 public:
  OnlyPlaces();
  ~OnlyPlaces();
  OnlyPlaces(const OnlyPlaces&) = delete;
  OnlyPlaces& operator=(const OnlyPlaces&) = delete;
  Hdf5Place last() const;  // of the last values that were wanted
};

}  // namespace dagfusion
