// The cells of a sweep as pipelines of their own, each to be run with every seed.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tools/launch/launch.h"
#include "tools/sweep/plan.h"

namespace dagfusion {

class SweepCells {
 public:
  struct Asked {
    std::filesystem::path file;
    std::vector<Override> overrides;
    TypedPlugins plugins;
    std::string only;  // this cell and the baseline; empty: all
    int threads = 0;   // of each run
  };
  // Reads the file and composes every cell, its variables not put in yet. Throws UserError.
  explicit SweepCells(const Asked&);

  const SweepPlan& plan() const { return plan_; }
  const std::vector<std::string>& notes(std::size_t cell) const { return notes_[cell]; }  // what it changes

  // All that planning refuses in any of them, together. Throws UserError.
  void check() const;

  // The run of one cell and seed, its directory made below `output`.
  Invocation run_of(std::size_t cell, std::size_t seed, const std::string& output) const;

 private:
  void keep_only(const std::string& name);
  void compose_all(const Asked&);
  void for_each(const std::function<void(std::size_t cell)>& work) const;

  const std::filesystem::path file_;
  const int threads_;
  Composed composed_;
  SweepPlan plan_;
  std::vector<Tree> files_;  // by cell
  std::vector<std::vector<std::string>> notes_;
};

}  // namespace dagfusion
