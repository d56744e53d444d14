#include "nodes/catalog.h"

namespace dagfusion {

// A type is listed once its file is there; the order is that of the README's table.
Catalog catalog() {
  return {.nodes =
              {
                  // sources
                  drawn_digits(),
                  image_numbers(),

                  // image
                  to_signed(),
                  to_bytes(),
                  png_grid(),

                  // diffusion

                  // network

                  // sampling

                  // training

              },
          .sections = {}};
}

}  // namespace dagfusion
