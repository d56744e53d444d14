// Every node type and section, one function each, defined in the file of the same name.
#pragma once

#include "graph/types/catalog.h"

namespace dagfusion {

const Catalog& catalog();  // all of them, for as long as the process lives

// sources: nodes/sources
NodeType image_folder();
NodeType hdf5_images();
NodeType image_numbers();
NodeType npy_reader();
NodeType drawn_digits();

// image: nodes/image
NodeType resize();
NodeType center_crop();
NodeType random_flip();
NodeType to_signed();
NodeType to_bytes();
NodeType hdf5_writer();
NodeType png_grid();
NodeType png_folder();
NodeType npy_writer();

// diffusion: nodes/diffusion
SectionType diffusion();  // noise_schedule.cpp
NodeType uniform_timesteps();
NodeType gaussian_noise();
NodeType add_noise();
NodeType noise_step();
NodeType prediction_target();
NodeType mse_loss();
NodeType huber_loss();
NodeType stop_gradient();

// network: nodes/network
NodeType conv2d();
NodeType linear();
NodeType attention();
NodeType group_norm();
NodeType rms_norm();
NodeType silu();
NodeType time_embedding();
NodeType dropout();
NodeType downsample();
NodeType upsample();
NodeType nearest_upsample();
NodeType add();
NodeType multiply();
NodeType concat();
NodeType identity();
NodeType reorder();
NodeType residual_block();
NodeType attention_block();
NodeType unet();

// sampling: nodes/sampling
NodeType forward_timesteps();
NodeType ddpm_timesteps();
NodeType ddpm_step();
NodeType ddim_timesteps();
NodeType ddim_step();
NodeType sliced_wasserstein();

// training: nodes/training
NodeType adam();
NodeType clip_gradients();
NodeType adam_update();
NodeType pack_weights();
NodeType weight_average();
NodeType metrics_log();
NodeType checkpoint();

}  // namespace dagfusion
