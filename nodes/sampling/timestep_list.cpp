#include "nodes/sampling/timestep_list.h"

#include <algorithm>
#include <cmath>

namespace dagfusion {
namespace {

std::vector<int> cleaner(const std::vector<int>& times) {
  std::vector<int> prev(times.begin() + 1, times.end());
  prev.push_back(-1);
  return prev;
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

TimestepList::TimestepList(Setup& setup, std::vector<int> times, std::vector<int> prev)
    : times_(std::move(times)),
      prev_(std::move(prev)),
      t_(setup.output("t")),
      t_prev_(setup.output("t_prev")),
      index_(setup.output("index")),
      first_(setup.output("first")),
      last_(setup.output("last")) {}

TimestepList::TimestepList(Setup& setup, std::vector<int> times)
    : TimestepList(setup, times, cleaner(times)) {}

std::vector<Port> TimestepList::ports() {
  return {{"t", "[N] f32", "timestep of this iteration, the same for all images"},
          {"t_prev", "[N] f32", "the next cleaner timestep, -1 = clean"},
          {"index", "[] i32", "iteration, from 0"},
          {"first", "[] i32", "1 in the first iteration, else 0"},
          {"last", "[] i32", "1 in the last iteration, else 0"}};
}

void TimestepList::forward(Call& call) const {
  const int i = call.iteration();
  std::fill_n(call.out<float>(t_), t_.spec.shape[0], static_cast<float>(times_[i]));
  std::fill_n(call.out<float>(t_prev_), t_prev_.spec.shape[0], static_cast<float>(prev_[i]));
  *call.out<std::int32_t>(index_) = i;
  *call.out<std::int32_t>(first_) = i == 0;
  *call.out<std::int32_t>(last_) = i + 1 == count();
}

}  // namespace dagfusion
