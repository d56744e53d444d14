// What further threads add: all of them and one take turns, so that what else the machine does meets both.
#pragma once

#include "tools/bench/measure.h"

namespace dagfusion {

struct Scaling {
  struct Round {
    double images_per_second = 1;  // of all threads, as a multiple of one's
    double peak = 1;               // the same of the peak loop
    double round_trip = 0;         // seconds for a word from one core to another and back
    double by_peak(int threads) const { return threads * images_per_second / peak; }
  };
  int threads = 1;
  std::vector<Round> rounds;  // by images_per_second, ascending; the median one is what counts
  const Round& median() const { return rounds[rounds.size() / 2]; }
};

// Three rounds, each of them about `seconds`.
Scaling measure_scaling(Invocation, double seconds, const std::filesystem::path& scratch);

}  // namespace dagfusion
