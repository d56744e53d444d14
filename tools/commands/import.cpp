// run-pipeline import SOURCE: a network of another program as a checkpoint.
#include <fmt/format.h>

#include "tools/commands/commands.h"
#include "tools/exchange/import_model.h"
#include "tools/show/words.h"

namespace dagfusion {

int import_command(int argc, char** argv, const Command& about) {
  Arguments arguments{
      about.help() +
          "\n\nNames and shapes tell whose tensors they are; what is missing, or has no place, is named.",
      "run-pipeline import"};
  ImportRequest request;
  std::string source, output = request.output.string();
  int size = 0;
  arguments.option("source", source, "a folder with config.json, or a file of tensors").required();
  arguments.option("settings", request.settings,
                   "model.KEY=VALUE or diffusion.KEY=VALUE, for what no file says");
  arguments.option("--as", request.as, "whose tensors they are, where the guess is wrong")
      .among({"diffusers", "openai", "ddpm", "edm", "denoising_diffusion_pytorch"});
  arguments.option("--part", request.part,
                   "what the names of the network begin with, where a file holds several");
  arguments.option("--size", size, "height and width of images, where no file says").between(1, 65536);
  arguments.option("--qkv", request.qkv, "how OpenAI's q, k and v lie in one tensor")
      .among({"legacy", "new"})
      .shows_default();
  arguments.option("--output", output, "where the new run directory is made").shows_default();
  return run_command(arguments, argc, argv, [&]() -> int {
    request.source = source;
    request.output = output;
    request.size = size;
    const Imported imported = import_model(request);
    for (const std::string& note : imported.notes) fmt::print("{}\n", printable(note));
    fmt::print("model: {}\n{} parameters in {}\ndraw: run-pipeline {}\n", imported.section,
               imported.parameters, imported.checkpoint.string(), imported.draw);
    return kDone;
  });
}

}  // namespace dagfusion
