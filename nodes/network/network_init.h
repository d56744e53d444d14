// How whole networks start, and keep their variance: the parameters `init` and `skip_scale` of the blocks of a U-Net.
#pragma once

#include <map>
#include <string>

#include "graph/types/composite.h"

namespace dagfusion {

inline Parameter network_init_parameter() {
  return {.name = "init",
          .kind = Kind::choice,
          .doc =
              "how weights start. ho: Glorot, biases 0, the last layer of every block nearly 0; openai: by "
              "fan in as "
              "PyTorch, the last layers 0; pytorch: by fan in everywhere; song: ho, but queries, keys and "
              "values with a tenth of the variance",
          .standard = std::string("ho"),
          .choices = {"ho", "openai", "pytorch", "song"}};
}

inline Parameter skip_scale_parameter() {
  return {.name = "skip_scale",
          .kind = Kind::real,
          .doc = "the sum with the short cut is multiplied by it",
          .standard = 1.0,
          .minimum = 0,
          .maximum = 1000,
          .above_minimum = true};
}

// Settings of a conv2d or linear, with how it starts. `last`: nothing comes of the block at first but its short cut.
inline std::map<std::string, Setting> starting(std::map<std::string, Setting> settings,
                                               const std::string& init, bool last = false) {
  const bool glorot = init == "ho" || init == "song";
  if (!glorot) settings["init"] = std::string("fan_in");
  if (last && glorot) settings["init_scale"] = 1e-10;
  if (last && init == "openai") settings["init_scale"] = 0.0;
  return settings;
}

}  // namespace dagfusion
