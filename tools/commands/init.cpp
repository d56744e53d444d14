// run-pipeline init [DIR]: a project to start from, whose files explain themselves.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "nodes/catalog.h"
#include "nodes/files/durable.h"
#include "tools/commands/commands.h"
#include "tools/init/files.h"
#include "tools/schema/schema.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

struct NewFile {
  std::string name, text;
};

std::vector<NewFile> files_of_a_project() {
  return {{"train.yaml", assets::train_yaml},
          {"sample.yaml", assets::sample_yaml},
          {"pack.yaml", assets::pack_yaml},
          {"ablate.yaml", assets::ablate_yaml},
          {"pipeline.schema.json", pipeline_schema(catalog()).dump(1) + "\n"},
          {".gitignore", assets::gitignore}};
}

// All at once, so that nobody is left with half a project.
void refuse_existing(const fs::path& folder, const std::vector<NewFile>& files) {
  std::vector<Fault> found;
  for (const NewFile& file : files)
    if (fs::exists(fs::symlink_status(folder / file.name)))
      found.push_back(
          {{"command line"},
           fmt::format("'{}' is there already; init overwrites nothing", (folder / file.name).string())});
  if (!found.empty()) throw UserError(std::move(found));
}

}  // namespace

int init_command(int argc, char** argv, const Command& about) {
  Arguments arguments{about.help(), "run-pipeline init"};
  std::string typed = ".";
  bool json = false;
  arguments.option("folder", typed, "where; it is made if it is not there").shows_default();
  arguments.flag("--json", json, "the files that were written, as a list");
  return run_command(arguments, argc, argv, [&]() -> int {
    const fs::path folder = typed;
    const std::vector<NewFile> files = files_of_a_project();
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) throw UserError({"command line"}, fmt::format("cannot make '{}': {}", typed, error.message()));
    refuse_existing(folder, files);
    nlohmann::ordered_json written = nlohmann::ordered_json::array();
    for (const NewFile& file : files) {
      replace_file(folder / file.name, file.text);
      written.push_back((folder / file.name).lexically_normal().string());
    }
    if (json) {
      fmt::print("{}\n", written.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
      return kDone;
    }
    for (const auto& name : written) fmt::print("{}\n", name.get<std::string>());
    fmt::print(
        "\n{}run-pipeline train.yaml        trains on drawn digits, some minutes; train.yaml says how to "
        "take "
        "your own pictures\n"
        "run-pipeline sample.yaml       draws with what was trained\n",
        folder == "." ? "" : fmt::format("cd {}\n", folder.string()));
    return kDone;
  });
}

}  // namespace dagfusion
