#include "nodes/catalog.h"

namespace dagfusion {

// A type is listed once its file is there; the order is that of the README's table.
Catalog catalog() {
  return {.nodes =
              {
                  // sources

                  // image

                  // diffusion

                  // network

                  // sampling

                  // training
                  adam(),
                  clip_gradients(),
                  adam_update(),
                  pack_weights(),
                  weight_average(),
                  metrics_log(),
                  checkpoint(),

              },
          .sections = {}};
}

}  // namespace dagfusion
