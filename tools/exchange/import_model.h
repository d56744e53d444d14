// A network of another program as a checkpoint.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace dagfusion {

struct ImportRequest {
  std::filesystem::path source;  // a folder or a file
  std::filesystem::path output = "runs/imported";
  std::string as;              // a layout's name; "" = known by the tensors
  std::string part;            // what stands in front of the network's names, where a file holds several
  std::string qkv = "legacy";  // how OpenAI's q, k and v lie in one tensor: legacy or new
  std::int64_t size = 0;       // height and width of images, where no file says
  std::vector<std::string> settings;  // "model.heads=8", "diffusion.schedule=cosine"
};

struct Imported {
  std::filesystem::path run, checkpoint;
  std::string section;             // the model's, as YAML
  std::vector<std::string> notes;  // what was found, taken for granted and left out
  std::int64_t parameters = 0;
  std::string draw;  // the arguments of run-pipeline that draw from it
};

// Throws UserError with every tensor and key that is missing or has no place; then nothing has been made.
Imported import_model(const ImportRequest&);

}  // namespace dagfusion
