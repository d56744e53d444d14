// A checkpoint as a folder that another program reads.
#pragma once

#include <string>
#include <vector>

#include "tools/exchange/export_request.h"

namespace dagfusion {

// For diffusers: model_index.json, unet/, scheduler/, README.md, pipeline.yaml, dagfusion.json (what diffusers has no word
// for), and sample.py where no pipeline of diffusers draws from it. Returns what the user should know.
// Throws UserError, by name, for what diffusers cannot be; then there is no folder.
std::vector<std::string> export_for_diffusers(const ExportRequest&);

// As one file of ONNX, `folder`: the network alone, with what it predicts among its facts.
std::vector<std::string> export_for_onnx(const ExportRequest&);

}  // namespace dagfusion
