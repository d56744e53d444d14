// run-pipeline evaluate CHECKPOINT: draws images from a checkpoint and measures them, by pipelines/evaluate.yaml.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "nodes/files/checkpoint_files.h"
#include "nodes/files/crc32c.h"
#include "nodes/files/durable.h"
#include "nodes/files/zip.h"
#include "nodes/measures/built_in_weights.h"
#include "nodes/measures/fixed_weights.h"
#include "tools/commands/commands.h"
#include "tools/launch/stop_signals.h"
#include "tools/show/screen.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kFile = "pipelines/evaluate.yaml";

struct Asked {
  std::string checkpoint, data, inception, efficientnet, mode = "tensorflow";
  int images = 0;
  bool json = false;
};

struct Score {
  std::string measure, column;
  double value;
};

// What is measured with: a network, its way to resize, and the bytes of its weights.
struct Network {
  std::string name, weights, mode;
  std::uint32_t checksum;
};

std::uint32_t checksum_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> some(1 << 20);
  std::uint32_t sum = 0;
  while (file.read(some.data(), static_cast<std::streamsize>(some.size())), file.gcount() > 0)
    sum = crc32c(std::as_bytes(std::span(some).first(static_cast<std::size_t>(file.gcount()))), sum);
  return sum;
}

void require_file(const std::string& option, const std::string& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored))
    throw UserError({"command line"}, fmt::format("{} names '{}', which is no file", option, path));
}

Network network_of(const Asked& asked) {
  if (!asked.efficientnet.empty()) {
    require_file("--efficientnet", asked.efficientnet);
    return {"efficientnet_lite0", asked.efficientnet, "clean", checksum_of(asked.efficientnet)};
  }
  if (asked.inception.empty()) return {"digit_features", kBuiltInWeights, "clean", built_in_checksum()};
  require_file("--inception", asked.inception);
  return {"inception", asked.inception, asked.mode, checksum_of(asked.inception)};
}

bool holds_statistics(const fs::path& npz) {
  const std::vector<ZipMember> members = list_zip(npz);
  return std::any_of(members.begin(), members.end(), [](const ZipMember& m) { return m.name == "mu.npy"; });
}

std::string quoted(const std::string& text) { return Json(text).dump(); }  // YAML reads it as well

// The real images instead of drawn digits; of a file with their mean and covariance, the Fréchet distance alone.
void compare_with(const std::string& data, std::vector<Override>& overrides) {
  const std::string ending = fs::path(data).extension().string();
  std::error_code ignored;
  if (!fs::exists(data, ignored))
    throw UserError({"command line"}, fmt::format("--data names '{}', which does not exist", data));
  const auto set = [&](const std::string& text) { overrides.push_back({Override::Kind::set, text}); };
  if (ending == ".npz" && holds_statistics(data)) {
    set(fmt::format(
        "nodes.frechet={{type: frechet_distance, in: {{samples: drawn.features}}, statistics: {}}}",
        quoted(data)));
    for (const char* node : {"kernel", "sliced", "balls", "nearest", "real", "images"})
      overrides.push_back({Override::Kind::remove, fmt::format("nodes.{}", node)});
  } else if (ending == ".h5" || ending == ".hdf5") {
    set(fmt::format("nodes.images={{type: hdf5_images, path: {}, shuffle: true}}", quoted(data)));
  } else if (ending == ".npy" || ending == ".npz") {
    set(fmt::format("nodes.images={{type: npy_reader, path: {}, shuffle: true}}", quoted(data)));
  } else {
    throw UserError(
        {"command line"},
        fmt::format("--data names '{}'; it can be an HDF5 file, a .npy file, or a .npz file of mu and sigma. "
                    "To pack pictures: run-pipeline pipelines/pack_images.yaml vars.source={}",
                    data, data));
  }
}

// Drawn digits as large as the images that the model draws.
void compare_with_digits(const std::string& checkpoint, std::vector<Override>& overrides) {
  std::vector<std::string> passed_over;
  const Shape drawn = open_checkpoint(checkpoint, passed_over).model_input;
  if (drawn.size() != 3 || drawn[0] != 1 || drawn[1] != drawn[2])
    throw UserError(
        {"command line"},
        fmt::format("the model of {} draws images of {}, and digits are grey and square; name real images "
                    "with --data",
                    checkpoint, to_string(drawn)));
  overrides.push_back(
      {Override::Kind::set, fmt::format("nodes.images={{type: drawn_digits, size: {}}}", drawn[1])});
}

// What the command line says, before what it overrides by path.
std::vector<Override> overrides_of(const Asked& asked, const Network& network) {
  std::vector<Override> overrides;
  const auto set = [&](const std::string& name, const std::string& value) {
    overrides.push_back({Override::Kind::set, fmt::format("vars.{}={}", name, value)});
  };
  set("checkpoint", quoted(asked.checkpoint));
  set("network", network.name);
  set("weights", quoted(network.weights));
  set("mode", network.mode);
  if (asked.images > 0) set("count", std::to_string(asked.images));
  if (asked.data.empty())
    compare_with_digits(asked.checkpoint, overrides);
  else
    compare_with(asked.data, overrides);
  return overrides;
}

// Of every file of scores in the run's directory, those that begin with a column `images`.
std::vector<Score> scores_in(const fs::path& directory, std::int64_t& images) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(directory))
    if (entry.path().extension() == ".csv") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Score> scores;
  for (const fs::path& path : files) {
    std::istringstream file(read_text(path));
    std::string header, row, column, value;
    std::getline(file, header);
    std::getline(file, row);
    if (!header.starts_with("images,")) continue;
    std::istringstream columns(header), values(row);
    while (std::getline(columns, column, ',') && std::getline(values, value, ','))
      if (column == "images")
        images = std::stoll(value);
      else
        scores.push_back({path.stem().string(), column, std::stod(value)});
  }
  return scores;
}

std::string table(const std::vector<Score>& scores) {
  std::string text = fmt::format("{:<20}{:<12}{:>14}\n", "measure", "", "score");
  for (const Score& s : scores) text += fmt::format("{:<20}{:<12}{:>14.6g}\n", s.measure, s.column, s.value);
  return text;
}

std::string csv(const std::vector<Score>& scores) {
  std::string text = "measure,column,score\n";
  for (const Score& s : scores) text += fmt::format("{},{},{:.9g}\n", s.measure, s.column, s.value);
  return text;
}

Json as_json(const Asked& asked, const Network& network, std::int64_t images,
             const std::vector<Score>& scores) {
  Json made = {{"checkpoint", asked.checkpoint},
               {"data", asked.data.empty() ? "drawn_digits" : asked.data},
               {"images", images},
               {"network", network.name},
               {"weights", network.weights},
               {"weights_crc32c", fmt::format("{:08x}", network.checksum)},
               {"mode", network.mode},
               {"scores", Json::object()}};
  for (const Score& s : scores) made["scores"][s.measure][s.column] = s.value;
  return made;
}

int evaluate(const Asked& asked, const TypedOverrides& typed) {
  const Network network = network_of(asked);
  Invocation request{.file = kFile, .overrides = overrides_of(asked, network), .plugins = typed.plugins};
  request.overrides.insert(request.overrides.end(), typed.in_order().begin(), typed.in_order().end());
  listen_for_stop();
  Launch made = launch(request);
  if (!asked.json) say_before(made);
  const Report report = run_on_screen(*made.run, asked.json ? stderr : stdout);
  if (report.outcome != Report::Outcome::done) {
    fmt::print(stderr, "stopped before all images were drawn; nothing is measured\n");
    return report.outcome == Report::Outcome::aborted ? kAborted : kStopped;
  }
  const fs::path directory = made.directory->path();
  std::int64_t images = 0;
  const std::vector<Score> scores = scores_in(directory, images);
  const Json json = as_json(asked, network, images, scores);
  replace_file(directory / "evaluation.json", json.dump(2) + "\n");
  replace_file(directory / "evaluation.csv", csv(scores));
  if (asked.json) {
    fmt::print("{}\n", json.dump(2));
    return kDone;
  }
  say_after(made, report);
  fmt::print("\n{} images of {} beside {}, by {} ({}, weights {:08x})\n\n{}\n{}\n", images, asked.checkpoint,
             asked.data.empty() ? "drawn digits" : asked.data, network.name, network.mode, network.checksum,
             table(scores), fmt::format("in {}", (directory / "evaluation.json").string()));
  return kDone;
}

}  // namespace

int evaluate_command(int argc, char** argv, const Command& about) {
  Arguments arguments{about.help(), "run-pipeline evaluate"};
  Asked asked;
  TypedOverrides typed;
  typed.declare(arguments, asked.checkpoint,
                arguments.option("checkpoint", asked.checkpoint, "a run, or a checkpoint in it").required());
  arguments
      .option("--data", asked.data,
              "real images: HDF5, .npy, or .npz with mu and sigma; without it, drawn digits")
      .shown_as("FILE");
  arguments.option("--images", asked.images, "how many to draw; 1000 when not given").between(2, 10000000);
  const Argument inception = arguments
                                 .option("--inception", asked.inception,
                                         "weights of FID's network (inception-2015-12-05), as .pb, .pth or "
                                         "safetensors; without it, the small "
                                         "network that knows digits")
                                 .shown_as("FILE");
  arguments
      .option("--efficientnet", asked.efficientnet,
              "weights of EfficientNet-Lite0 (pipelines/blocks/efficientnet_lite0.yaml says where they are): "
              "for colour "
              "images where Inception's are not at hand")
      .shown_as("FILE")
      .excludes(inception);
  arguments.option("--mode", asked.mode, "how images are resized for it: tensorflow, pytorch_fid or clean")
      .among({"tensorflow", "pytorch_fid", "clean"})
      .needs(inception);
  arguments.flag("--json", asked.json, "the scores as JSON, and nothing else");
  return run_command(arguments, argc, argv, [&]() -> int { return evaluate(asked, typed); });
}

}  // namespace dagfusion
