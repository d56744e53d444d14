#include "nodes/catalog.h"

namespace dagfusion {

// A type is listed once its file is there; the order is that of the README's table.
Catalog catalog() {
  return {.nodes =
              {
                  // sources
                  image_folder(),
                  hdf5_images(),
                  drawn_digits(),
                  image_numbers(),

                  // image
                  resize(),
                  center_crop(),
                  random_flip(),
                  to_signed(),
                  to_bytes(),
                  hdf5_writer(),
                  png_grid(),
                  png_folder(),

                  // diffusion

                  // network

                  // sampling

                  // training

              },
          .sections = {}};
}

}  // namespace dagfusion
