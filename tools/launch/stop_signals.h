// A request to stop belongs to the process, whatever it is doing:
// it reaches the run of the moment, and who begins something new asks first.
#pragma once

#include <exception>

#include "graph/run/run.h"

namespace dagfusion {

// From here on these signals are requests: INT, TERM, HUP (unless it was ignored when the process started, as
// nohup does), USR1, USR2, XCPU, PIPE. An output that nobody reads any more is dropped.
// Only INT and TERM insist: a second one of them stops at once, a third one ends the process.
void listen_for_stop();

bool stop_asked();

// Where there is nothing to save.
class Stopped final : public std::exception {
 public:
  const char* what() const noexcept override { return "stopped"; }
};
void throw_if_stop_asked();

// Requests reach this run as long as this lives; one that was made before stops it before it begins.
class StopSignals {
 public:
  enum class First { finishes_the_step, stops_at_once };  // at once: what it makes is thrown away anyhow
  enum class Says { what_happens, nothing };              // nothing: another process says it for all
  explicit StopSignals(Run&, First = First::finishes_the_step, Says = Says::what_happens);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  Run& run;
  const First first;
  const Says says;
};

// A file that grows past `ulimit -f` is an error of the write like a full disk, and no death by SIGXFSZ.
void take_file_size_limit_as_error();

}  // namespace dagfusion
