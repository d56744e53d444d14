#include "tools/bench/scaling.h"

#include <algorithm>
#include <limits>
#include <thread>

#include "tools/bench/pauses.h"

namespace dagfusion {
namespace {

constexpr int kRounds = 3;

// Cores that share a cache do it in 0.1 to 0.3 microseconds.
// On a virtual machine they may be far apart for minutes:
// then threads that share one image lose what they wait for each other.
double round_trip() {
  constexpr int kBatches = 5, kTrips = 4'000;
  std::atomic<bool> there{false};
  std::thread other([&] {
    for (int i = 0; i < kBatches * kTrips; ++i) {
      while (!there.load(std::memory_order_acquire)) {
      }
      there.store(false, std::memory_order_release);
    }
  });
  double least = std::numeric_limits<double>::infinity();  // in another batch the two may share a core
  for (int batch = 0; batch < kBatches; ++batch) {
    const double begin = now();
    for (int i = 0; i < kTrips; ++i) {
      there.store(true, std::memory_order_release);
      while (there.load(std::memory_order_acquire)) {
      }
    }
    least = std::min(least, (now() - begin) / kTrips);
  }
  other.join();
  return least;
}

}  // namespace

Scaling measure_scaling(Invocation request, double seconds, const std::filesystem::path& scratch) {
  Scaling scaling;
  for (int i = 0; i < kRounds; ++i) {
    const Measurement all = measure(request, seconds / 2, scratch);
    const double between = all.threads > 1 ? round_trip() : 0;
    Invocation alone = request;
    alone.threads = 1;
    const Measurement one = measure(alone, seconds / 2, scratch);
    scaling.threads = all.threads;
    scaling.rounds.push_back({.images_per_second = all.images_per_second() / one.images_per_second(),
                              .peak = all.peak() / one.peak(),
                              .round_trip = between});
  }
  std::ranges::sort(scaling.rounds, {}, &Scaling::Round::images_per_second);
  return scaling;
}

}  // namespace dagfusion
