// What adam lets the user set and hands on to adam_update.
#pragma once

#include <string>
#include <vector>

#include "graph/types/parameter.h"

namespace dagfusion {

inline std::vector<Parameter> adam_parameters() {
  return {{.name = "learning_rate",
           .kind = Kind::real,
           .doc = "step size after warm-up",
           .standard = 2e-4,
           .minimum = 0,
           .above_minimum = true},
          {.name = "warmup_steps",
           .kind = Kind::integer,
           .doc = "updates over which the rate rises in a line; 0 = none",
           .standard = std::int64_t{0},
           .minimum = 0},
          {.name = "decay_steps",
           .kind = Kind::integer,
           .doc = "update at which the rate has fallen to 0, along half a cosine from the end of the "
                  "warm-up; 0 = never",
           .standard = std::int64_t{0},
           .minimum = 0},
          {.name = "betas",
           .kind = Kind::reals,
           .doc = "decay of the averages of the gradient and of its square",
           .standard = std::vector<double>{0.9, 0.999}},
          {.name = "epsilon",
           .kind = Kind::real,
           .doc = "added to the root, so that nothing is divided by 0",
           .standard = 1e-8,
           .minimum = 0,
           .above_minimum = true},
          {.name = "epsilon_hat",
           .kind = Kind::boolean,
           .doc = "add epsilon to the uncorrected root, as TensorFlow 1 does",
           .standard = false},
          {.name = "weight_decay",
           .kind = Kind::real,
           .doc = "how fast weights shrink by themselves, in units of the learning rate (AdamW)",
           .standard = 0.0,
           .minimum = 0},
          {.name = "weights",
           .kind = Kind::text,
           .doc = "pattern of the weights that are trained",
           .standard = std::string("**")}};
}

}  // namespace dagfusion
