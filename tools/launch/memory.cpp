#include "tools/launch/memory.h"

#include <fmt/format.h>

#include <stdexcept>

#include "graph/plan/planned_memory.h"
#include "graph/run/run.h"
#include "tools/show/words.h"

namespace dagfusion {

namespace {

std::string in_words(std::uint64_t bytes) { return bytes_in_words(static_cast<double>(bytes)); }

// The most lanes that fit, or what else could be made smaller.
std::string what_would_fit(const Planned& planned, int lanes, std::uint64_t bytes) {
  for (int fewer = lanes - 1; fewer > 0; --fewer)
    if (const std::uint64_t need = planned_memory(planned, fewer); need <= bytes)
      return fmt::format("run.lanes={} needs {}", fewer, in_words(need));
  const RunSettings& run = planned.checked.run;
  std::string smaller;
  if (run.micro_batch > 1) smaller += fmt::format("a run.micro_batch below {}, ", run.micro_batch);
  if (run.frames_in_flight > 1)
    smaller += fmt::format("run.frames_in_flight below {}, ", run.frames_in_flight);
  return smaller +
         fmt::format("{}a smaller model or smaller images would need less", smaller.empty() ? "" : "or ");
}

}  // namespace

void require_memory(const Planned& planned, int threads, const MemoryBound& bound) {
  const int lanes = lanes_of(planned.checked.run, threads_of(planned.checked.run, threads));
  const std::uint64_t need = planned_memory(planned, lanes);
  if (need <= bound.bytes) return;
  throw std::runtime_error(fmt::format("the plan needs {} of memory, and {} {}; {}", in_words(need),
                                       bound.whose, in_words(bound.bytes),
                                       what_would_fit(planned, lanes, bound.bytes)));
}

}  // namespace dagfusion
