// What is asked of a U-Net, read and checked before anything is built of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/types/composite.h"
#include "nodes/network/unet_style.h"

namespace dagfusion {

struct UNetDesign {
  std::int64_t channels = 0;
  std::vector<std::int64_t> widths;  // channels of each level
  std::int64_t blocks = 0;
  std::int64_t groups = 0;
  std::vector<std::int64_t> attention_at, attention_up_at;  // heights
  std::string activation;                                   // of the residual blocks
  UNetStyle style;
  std::vector<std::string> resample_down, resample_up;  // between a level and the next
  bool middle = true;
  std::string middle_attention;  // none, plain or normalised
  std::int64_t classes = 0;      // 0: no labels
  std::int64_t augment = 0;      // numbers in the label of an augmentation; 0: none

  std::int64_t levels() const { return static_cast<std::int64_t>(widths.size()); }
  std::int64_t width(std::int64_t level) const { return widths[static_cast<std::size_t>(level)]; }
  std::int64_t groups_at(std::int64_t channels) const;
  bool has_middle_attention() const { return middle && middle_attention != "none"; }
};

bool attends(const std::vector<std::int64_t>& heights, std::int64_t height);

// For images of this shape, [C,H,W] behind the batch. A mistake in `unet`'s parameters or wires is a fault at its place.
// The names of the classes are kept with the model.
UNetDesign unet_design(Builder&, const Shape& images);

}  // namespace dagfusion
