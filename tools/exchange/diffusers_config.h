// diffusers' config.json and scheduler_config.json, written and read; what has no equal is refused by its name.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "nodes/diffusion/noise_process.h"
#include "tools/exchange/network.h"

namespace dagfusion {

inline constexpr const char* kDiffusersVersion = "0.27.2";  // whose keys are written

// Of UNet2DModel. Throws UserError for what UNet2DModel cannot be.
std::string unet_config(const Network&);

// `notes`: keys that are left out, and what was taken for granted. `size`: height and width where the file says none.
Network read_unet_config(const std::filesystem::path&, std::int64_t size, std::vector<std::string>& notes);

// Of DDPMScheduler, which DDIMPipeline takes too, or of FlowMatchEulerDiscreteScheduler. `section`: `diffusion`.
std::string scheduler_config(const NoiseProcess&, const Parameters& section);

// The section `diffusion` as YAML on one line.
std::string read_scheduler_config(const std::filesystem::path&, std::vector<std::string>& notes);

}  // namespace dagfusion
