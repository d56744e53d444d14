// What several processes that share a training cost each other, and bring.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "graph/cluster/cost.h"
#include "graph/plan/plan.h"

namespace dagfusion {

std::vector<std::string> names_of_networks();

class OnMoreRanks {
 public:
  struct Question {
    int ranks = 1;
    std::string network = "10gbe";
    double rate = 0;    // images/s of one process; 0: not known
    std::string times;  // of one process, as bench has measured them; "" = not known
  };

  OnMoreRanks(const Planned&, const Question&);

  void say() const;
  nlohmann::ordered_json json() const;

 private:
  double whole_waves(int lanes) const;
  double computing() const;
  std::uint64_t memory_of_a_rank() const;
  double images_per_second() const;
  double efficiency() const;

  const Planned& planned_;
  const Checked& checked_;
  const Plan& plan_;
  Question asked_;
  const int lanes_;
  const double waves_;                     // the share of lanes in a step that have a frame
  std::optional<ExchangeCost> cost_;       // where there is training
  double exchange_ = 0;                    // seconds of a step, if nothing hides it
  double update_ = 0;                      // the same, of what every process does to all weights
  std::uint64_t memory_ = 0, states_ = 0;  // bytes of a process; of that, what its steps keep of the weights
};

}  // namespace dagfusion
