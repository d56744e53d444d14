// Groups of a norm that get fewer where they would be narrow: the parameter `group_channels` of the blocks of a U-Net.
#pragma once

#include <algorithm>

#include "graph/types/composite.h"

namespace dagfusion {

inline Parameter group_channels_parameter() {
  return {
      .name = "group_channels",
      .kind = Kind::integer,
      .doc =
          "fewest channels of a group: a norm of fewer channels than `groups` times that gets fewer groups",
      .standard = std::int64_t{1},
      .minimum = 1,
      .maximum = 4096};
}

// 32 groups of 64 channels where a group has 4 at least: 16.
inline std::int64_t groups_of(std::int64_t channels, std::int64_t groups, std::int64_t group_channels) {
  return group_channels == 1 ? groups
                             : std::min(groups, std::max<std::int64_t>(1, channels / group_channels));
}

}  // namespace dagfusion
