// How far a run is, while it runs: a line that moves on a terminal, else a line now and then.
#pragma once

#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>

#include "graph/run/run.h"

namespace dagfusion {

// What there is to say of one moment.
struct Moment {
  Progress progress;
  double rate = 0;   // images a second so far; 0 = not known yet
  double left = -1;  // seconds; below 0 = not known
};

// "step 12/800  loss 0.1234  120.5 images/s  3 min 20 s left"
std::string line_of(const Moment&);
// The same with a bar in front, in less than `columns`: a shorter bar, then none, then fewer words.
std::string moving_line(const Moment&, int columns);

// Shows the progress of a run for as long as it lives. `lines`: where it goes when it does not move.
class ProgressDisplay {
 public:
  explicit ProgressDisplay(const Run&, std::FILE* lines = stdout);
  ~ProgressDisplay();

 private:
  void show();

  const Run& run_;
  std::FILE* lines_;
  const bool moves_;  // on a terminal that can go back to the start of a line
  std::mutex mutex_;
  std::condition_variable wake_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace dagfusion
