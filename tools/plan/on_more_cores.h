// How fast other numbers of cores would train, and what keeps them from more.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "graph/plan/replay.h"

namespace dagfusion {

class OnMoreCores {
 public:
  // times: the file that `bench FILE --json` wrote.
  OnMoreCores(const Planned&, const std::string& times, const std::vector<int>& cores);

  void say() const;
  nlohmann::ordered_json json() const;

 private:
  struct Expected {
    int cores = 1, lanes = 1;
    Replay replay;
    std::string bound;  // what keeps it from more
  };

  Expected expected(int cores) const;
  Replay replayed(int cores, int lanes, int groups) const;
  std::string bound(const Replay&, int cores, int lanes) const;
  double images_per_second(const Replay&) const;

  const Checked& checked_;
  const Plan& plan_;
  const std::vector<double> seconds_;
  std::vector<Expected> all_;
};

}  // namespace dagfusion
