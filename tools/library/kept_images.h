// What a node of a drawing pipeline gives, kept in the order of the images.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "graph/run/run.h"

namespace dagfusion {

class KeptImages final : public TaskObserver {
 public:
  explicit KeptImages(std::string node) : node_(std::move(node)) {}

  void refuse_unless_drawn(const Checked&);  // throws UserError

  void begins(const TaskVisit&) noexcept override {}
  void ends(const TaskVisit&) noexcept override;

  bool empty() const { return kept_.empty(); }
  Shape shape() const;                      // [N,C,H,W] of all that was kept
  std::vector<std::uint8_t> bytes() const;  // in the order of the images

 private:
  const std::string node_;
  std::int64_t images_ = 0;  // of the run
  mutable std::mutex mutex_;
  Shape each_;                                              // [C,H,W]
  std::map<std::int64_t, std::vector<std::uint8_t>> kept_;  // by the position of the first image
};

}  // namespace dagfusion
