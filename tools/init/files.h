// The files of this folder, which `run-pipeline init` writes.
#pragma once

namespace dagfusion::assets {

extern const char* const train_yaml;
extern const char* const sample_yaml;
extern const char* const pack_yaml;
extern const char* const ablate_yaml;
extern const char* const gitignore;

}  // namespace dagfusion::assets
