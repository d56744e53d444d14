#include "nodes/catalog.h"

namespace dagfusion {

// A type is listed once its file is there; the order is that of the README's table.
const Catalog& catalog() {
  static const Catalog all{.nodes =
                               {
                                   // sources
                                   image_folder(),
                                   hdf5_images(),
                                   drawn_digits(),
                                   image_numbers(),
                                   npy_reader(),

                                   // image
                                   resize(),
                                   center_crop(),
                                   random_flip(),
                                   to_signed(),
                                   to_bytes(),
                                   hdf5_writer(),
                                   png_grid(),
                                   png_folder(),
                                   npy_writer(),

                                   // diffusion
                                   uniform_timesteps(),
                                   gaussian_noise(),
                                   add_noise(),
                                   noise_step(),
                                   prediction_target(),
                                   mse_loss(),
                                   huber_loss(),
                                   stop_gradient(),

                                   // network
                                   conv2d(),
                                   linear(),
                                   attention(),
                                   group_norm(),
                                   rms_norm(),
                                   silu(),
                                   time_embedding(),
                                   dropout(),
                                   downsample(),
                                   upsample(),
                                   nearest_upsample(),
                                   add(),
                                   multiply(),
                                   concat(),
                                   identity(),
                                   reorder(),
                                   residual_block(),
                                   attention_block(),
                                   unet(),

                                   // sampling
                                   forward_timesteps(),
                                   ddpm_timesteps(),
                                   ddpm_step(),
                                   ddim_timesteps(),
                                   ddim_step(),
                                   sliced_wasserstein(),

                                   // training
                                   adam(),
                                   clip_gradients(),
                                   adam_update(),
                                   pack_weights(),
                                   weight_average(),
                                   metrics_log(),
                                   checkpoint(),

                               },
                           .sections = {diffusion()}};
  return all;
}

}  // namespace dagfusion
