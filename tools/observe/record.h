// What a node reads, written down during a run so that run-node can play it again.
#pragma once

#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "graph/run/run.h"

namespace dagfusion {

// <directory>/records/step-000100/<node>/: node.yaml (recorded_node.h), and PORT.npy for each input, of the step's first frame.
class Record final : public TaskObserver {
 public:
  // "step=100,node=loss": the node's path, or a pattern; a UserError when it is something else.
  explicit Record(const std::string& what);
  // Before anything is made. A UserError when no node is called so, or the run has no such step.
  void refuse_unless_met(const Checked&) const;
  // Before the run.
  void watch(const Checked&, const std::vector<Entry>& sections, const std::filesystem::path& directory);

  void begins(const TaskVisit&) noexcept override;
  void ends(const TaskVisit&) noexcept override {}
  std::vector<std::string> written() const;  // lines for the report

 private:
  void write(const TaskVisit&);

  std::int64_t step_ = 1;  // from 1
  std::string node_;
  const Checked* checked_ = nullptr;
  std::vector<Entry> sections_;
  std::filesystem::path directory_;
  mutable std::mutex mutex_;  // of what follows
  std::vector<std::string> written_, failures_;
};

}  // namespace dagfusion
