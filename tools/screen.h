// What a user sees: a summary before the run, progress during it, a report at the end.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tools/launch.h"

namespace dagfusion {

void say_before(const Launch&);
void say_after(const Launch&, const Report&);

// A bar on a terminal, else a line every 30 s; from a thread of its own while it lives.
class ProgressLines {
 public:
  explicit ProgressLines(const Run&);
  ~ProgressLines();

 private:
  void show(bool last);
  const Run& run_;
  const bool terminal_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool over_ = false;
  std::thread thread_;
};

// Images a second that so many threads could bring to the model if they did nothing else, by the time the nodes
// in front of it took for so many images; 0 when there is no model.
double data_rate(const std::vector<TaskTime>&, double images, int threads);

std::string bytes_in_words(double bytes);  // "312 MiB"
std::string with_commas(std::int64_t n);   // "35,746,307"
std::string in_words(double seconds);      // "42 s", "3 min 20 s", "2 h 5 min"

}  // namespace dagfusion
