// What a section says to its nodes of the run around them. Private to graph/run.
#pragma once

#include "graph/types/node.h"

namespace dagfusion {

struct Section;

class SectionInfo final : public RunInfo {
 public:
  explicit SectionInfo(Section& section) : section_(section) {}
  std::filesystem::path directory() const override;
  std::filesystem::path resolve(const std::string& path) const override;
  std::uint64_t seed() const override;
  std::int64_t steps_done() const override;
  std::int64_t first_step() const override;
  const WeightTable& weights() const override;
  WeightValues& values() override;
  std::span<float> gradients() override;
  std::string resolved_yaml() const override;
  std::string state_json() const override;
  std::vector<Stateful> stateful() const override;
  void told(const std::string& line) override;

 private:
  Section& section_;
};

}  // namespace dagfusion
