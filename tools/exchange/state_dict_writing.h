// A checkpoint's network as a state dict of the program that it comes from.
#pragma once

#include <string>
#include <vector>

#include "tools/exchange/export_request.h"

namespace dagfusion {

// The programs whose names can be written so: "edm", "openai", "ddpm", "denoising_diffusion_pytorch".
const std::vector<std::string>& state_dict_formats();

// One file of safetensors, `request.folder`, that their load_state_dict takes. What was written is read again: throws
// UserError where that would not be this network, which theirs then cannot be. Returns what the user should know.
std::vector<std::string> export_state_dict(const ExportRequest& request, const std::string& format);

}  // namespace dagfusion
