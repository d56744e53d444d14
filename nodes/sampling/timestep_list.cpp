#include "nodes/sampling/timestep_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "nodes/diffusion/noise_process.h"

namespace dagfusion {
namespace {

std::vector<double> cleaner(const std::vector<double>& times, double clean) {
  std::vector<double> prev(times.begin() + 1, times.end());
  prev.push_back(clean);
  return prev;
}

std::vector<double> before(const std::vector<double>& times) {
  std::vector<double> found = {times.front()};
  found.insert(found.end(), times.begin(), times.end() - 1);
  return found;
}

int rounded(double t) { return static_cast<int>(std::nearbyint(t)); }

}  // namespace

std::vector<int> leading_timesteps(int T, int n) {
  std::vector<int> times(n);
  for (int i = 0; i < n; ++i) times[i] = (n - 1 - i) * (T / n);
  return times;
}

std::vector<int> linspace_timesteps(int T, int n) {
  std::vector<int> times(n);
  for (int i = 1; i < n; ++i) times[n - 1 - i] = rounded(i * (double(T - 1) / (n - 1)));
  return times;
}

std::vector<int> trailing_timesteps(int T, int n) {
  std::vector<int> times(n);
  for (int i = 0; i < n; ++i) times[i] = rounded(T - i * (double(T) / n)) - 1;
  return times;
}

std::vector<int> respaced_timesteps(int T, const std::vector<std::int64_t>& sections) {
  std::vector<int> times;
  const int count = static_cast<int>(sections.size());
  int start = 0;
  for (int s = 0; s < count; ++s) {
    const int size = T / count + (s < T % count ? 1 : 0);  // the first sections take what is left over
    const double stride = sections[s] > 1 ? double(size - 1) / double(sections[s] - 1) : 1;
    double place = 0;
    for (std::int64_t i = 0; i < sections[s]; ++i, place += stride) times.push_back(start + rounded(place));
    start += size;
  }
  std::reverse(times.begin(), times.end());
  return times;
}

int timesteps_of(Setup& setup) {
  const auto& process = setup.resource<NoiseProcess>("diffusion");
  if (process.timesteps() == 0)
    setup.fail(
        fmt::format("counts timesteps, which 'process' {} has not; sampling_timesteps gives times of every "
                    "process",
                    process.name()));
  return process.timesteps();
}

TimestepList::TimestepList(Setup& setup, std::vector<double> times, std::vector<double> prev,
                           std::vector<double> next)
    : times_(std::move(times)),
      prev_(std::move(prev)),
      next_(std::move(next)),
      t_(setup.output("t")),
      t_prev_(setup.output("t_prev")),
      t_next_(setup.output("t_next")),
      t_before_(setup.output("t_before")),
      t_before2_(setup.output("t_before2")),
      index_(setup.output("index")),
      first_(setup.output("first")),
      last_(setup.output("last")),
      more_(setup.output("more")) {}

TimestepList::TimestepList(Setup& setup, std::vector<double> times)
    : TimestepList(setup, times, cleaner(times, setup.resource<NoiseProcess>("diffusion").clean()),
                   before(times)) {}

std::vector<double> TimestepList::cleaner_of_rising(const std::vector<double>& times, double clean) {
  std::vector<double> prev = before(times);
  prev.front() = clean;
  return prev;
}

std::vector<double> TimestepList::noisier_of_rising(const std::vector<double>& times) {
  return cleaner(times, times.back());
}

std::vector<Port> TimestepList::ports() {
  return {{"t", "[N] f32", "time of this iteration, the same for all images"},
          {"t_prev", "[N] f32", "the next cleaner time, or the clean image's (-1 of timesteps, else 0)"},
          {"t_next", "[N] f32", "the next noisier time; t where there is none"},
          {"t_before", "[N] f32", "time of the iteration before; t in the first"},
          {"t_before2", "[N] f32", "time of the one before that; t_before where there is none"},
          {"index", "[] i32", "iteration, from 0"},
          {"first", "[] i32", "1 in the first iteration, else 0"},
          {"last", "[] i32", "1 in the last iteration, else 0"},
          {"more", "[] i32", "0 in the last iteration, else 1"}};
}

// "999, 979, 959, … 19": few of many.
std::string TimestepList::listing() const {
  constexpr std::size_t kShown = 8;
  std::string text;
  for (std::size_t i = 0; i < times_.size(); ++i) {
    if (times_.size() > kShown && i == kShown - 1) {
      text += fmt::format(", … {:.6g}", times_.back());
      break;
    }
    text += fmt::format("{}{:.6g}", i ? ", " : "", times_[i]);
  }
  return text;
}

void TimestepList::forward(Call& call) const {
  const int i = call.iteration();
  const auto fill = [&](const Output& output, double time) {
    std::fill_n(call.out<float>(output), output.spec.shape[0], static_cast<float>(time));
  };
  fill(t_, times_[i]);
  fill(t_prev_, prev_[i]);
  fill(t_next_, next_[i]);
  fill(t_before_, times_[std::max(i - 1, 0)]);
  fill(t_before2_, times_[std::max(i - 2, 0)]);
  *call.out<std::int32_t>(index_) = i;
  *call.out<std::int32_t>(first_) = i == 0;
  *call.out<std::int32_t>(last_) = i + 1 == count();
  *call.out<std::int32_t>(more_) = i + 1 < count();
}

}  // namespace dagfusion
