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
                  group_norm(),
                  silu(),
                  time_embedding(),
                  dropout(),
                  downsample(),
                  upsample(),
                  nearest_upsample(),
                  add(),
                  concat(),
                  identity(),
                  reorder(),
                  residual_block(),
                  attention_block(),
                  unet(),

                  // sampling

                  // training

              },
          .sections = {}};
}

}  // namespace dagfusion
