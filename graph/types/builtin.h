// Node types that the engine itself knows.
#pragma once

#include "graph/types/catalog.h"

namespace dagfusion {

const NodeType& loop_head();
const NodeType& loop_tail();
const NodeType& run_pipeline();
const NodeType& choose();

// choose: hands on what a node under `when` gave,
// or in frames that skip it what `otherwise` names (or zeros).
class Choose final : public Map {
 public:
  explicit Choose(Setup&);
  void forward(Call&) const override;
  void otherwise(Call&) const;  // called by the engine, in frames that skip the node

 private:
  Input in_, otherwise_;
  Output out_;
};

}  // namespace dagfusion
