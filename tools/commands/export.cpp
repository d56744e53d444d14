// run-pipeline export CHECKPOINT FOLDER: a trained network for another program.
#include <fmt/format.h>

#include "tools/commands/commands.h"
#include "tools/exchange/export_model.h"
#include "tools/exchange/state_dict_writing.h"
#include "tools/show/words.h"

namespace dagfusion {

int export_command(int argc, char** argv, const Command& about) {
  Arguments arguments{about.help() + "\n\nWhat the other program cannot be is refused by its name.",
                      "run-pipeline export"};
  ExportRequest request;
  std::string checkpoint, folder, format = "diffusers";
  arguments.option("checkpoint", checkpoint, "a run directory or a checkpoint").required();
  arguments.option("folder", folder, "the folder to make, or the file of ONNX or safetensors").required();
  arguments.option("--format", format, "whose")
      .among({"diffusers", "onnx", "edm", "openai", "ddpm", "denoising_diffusion_pytorch"})
      .shows_default();
  arguments.option("--weights", request.weights,
                   "live, or the name of a weight_average; ema where there is one");
  return run_command(arguments, argc, argv, [&]() -> int {
    request.checkpoint = checkpoint;
    request.folder = folder;
    const std::vector<std::string> notes = format == "onnx"        ? export_for_onnx(request)
                                           : format == "diffusers" ? export_for_diffusers(request)
                                                                   : export_state_dict(request, format);
    for (const std::string& note : notes) fmt::print("{}\n", printable(note));
    return kDone;
  });
}

}  // namespace dagfusion
