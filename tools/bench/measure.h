// One measurement: a run whose threads stop every few tenths of a second between two tasks,
// and measure in that pause how fast they multiply and add at best.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tools/launch/launch.h"

namespace dagfusion {

// From one pause to the next. Work is counted by the multiply-adds of the tasks that ended.
struct Window {
  double images = 0, seconds = 0;
  double peak = 0, float32_peak = 0, busy = 0;  // see Peak; means of the loops before and after
};

struct Measurement {
  std::string file;
  bool training = false, bfloat16 = false;
  int threads = 1, lanes = 1, micro_batch = 1;
  std::int64_t batch_size = 0, parameters = 0, multiply_adds = 0;  // of an image, forward
  std::vector<Window> windows;
  double steps = 0;  // training: measured, just over a whole number
  double seconds_to_model =
      -1;  // from the start of the process to the first frame in the model; -1 = no model
  std::size_t planned_bytes = 0, process_bytes = 0;  // process: at most, until now
  std::int64_t allocations = 0;
  std::map<std::string, std::int64_t> allocations_by_type;
  std::vector<TaskTime> tasks;  // in the windows
  double data_rate = 0;         // see screen.h

  double images() const;
  double seconds() const;
  double images_per_second() const { return images() / seconds(); }
  // Of an image: each multiply-add is two, and the backward pass does every one of them twice more.
  double operations() const { return static_cast<double>(multiply_adds) * (training ? 6 : 2); }
  double peak() const;                 // of the run's precision, mean over the windows' time
  double float32_peak() const;         // the same, of float32
  double busy() const;                 // the same, in per cent
  double share() const;                // of the peak, in per cent
  double share_of_float32() const;     // of float32's
  std::vector<double> shares() const;  // of each window, ascending
};

// A run that goes on until it is asked to stop, and writes nothing that the user would find. Throws UserError.
void make_endless(Checked&);

// Training: over whole steps, at least `seconds` and one step. `scratch` takes what the pipeline writes.
// Throws Stopped soon after a request to stop.
Measurement measure(Invocation, double seconds, const std::filesystem::path& scratch);

}  // namespace dagfusion
