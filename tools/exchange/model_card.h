// What an exported model says of itself: README.md, and a script that draws where no pipeline of diffusers can.
#pragma once

#include <string>

#include "tools/exchange/network.h"

namespace dagfusion {

struct Exported {
  Network network;
  bool flow = false, no_terminal_signal = false;
  bool learned_variance = false;
  std::string weights;  // "ema"
  std::int64_t step = 0, parameters = 0;
  std::string pipeline;  // of the training, as YAML
  std::string measures;  // the last line of its metrics.csv with the heading; "" = there is none
};

// DDPMPipeline and DDIMPipeline cannot pass labels, and know no flows.
bool needs_script(const Exported&);
std::string model_card(const Exported&);
std::string sampling_script(const Exported&);

}  // namespace dagfusion
