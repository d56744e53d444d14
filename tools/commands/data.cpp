// run-pipeline data FILE_OR_FOLDER: what is in a data set; every picture is read.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "graph/values/random.h"
#include "nodes/files/durable.h"
#include "nodes/files/picture_list.h"
#include "nodes/files/png_file.h"
#include "tools/commands/commands.h"
#include "tools/look/contact_sheet.h"
#include "tools/look/looked_data.h"
#include "tools/show/words.h"

namespace dagfusion {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostNamed = 10;

struct Seen {
  std::map<std::string, std::int64_t> sizes;  // "32x32x3"
  std::vector<std::int64_t> of_class;
  std::int64_t without_class = 0, read = 0, duplicates = 0;
  int least = 255, most = 0;
  std::array<double, 3> sums{}, squares{};
  double pixels = 0;
  std::size_t channels = 0;
  std::vector<std::string> damaged;
  double seconds = 0;

  double mean(std::size_t c) const { return sums[c] / std::max(pixels, 1.0); }
  double deviation(std::size_t c) const {
    return std::sqrt(std::max(0.0, squares[c] / std::max(pixels, 1.0) - mean(c) * mean(c)));
  }
};

void take(const Image& image, Seen& seen, std::map<std::uint64_t, std::int64_t>& hashes) {
  ++seen.sizes[fmt::format("{}x{}x{}", image.width, image.height, image.channels)];
  ++seen.read;
  const auto channels = static_cast<std::size_t>(image.channels);
  seen.channels = std::max(seen.channels, channels);
  const auto key = stream_key(static_cast<std::uint64_t>(image.width),
                              {reinterpret_cast<const char*>(image.pixels.data()), image.pixels.size()});
  if (hashes[std::uint64_t{key[0]} << 32 | key[1]]++ > 0) ++seen.duplicates;
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    const int value = image.pixels[i];
    seen.least = std::min(seen.least, value);
    seen.most = std::max(seen.most, value);
    seen.sums[i % channels] += value;
    seen.squares[i % channels] += value * value;
  }
  seen.pixels += static_cast<double>(image.pixels.size() / channels);
}

Seen read_all(const LookedData& data) {
  Seen seen;
  seen.of_class.resize(data.classes.size());
  std::map<std::uint64_t, std::int64_t> hashes;
  const auto begin = std::chrono::steady_clock::now();
  for (std::int64_t i = 0; i < data.count; ++i) {
    const std::int32_t label = data.label(i);
    if (label < 0) {
      ++seen.without_class;
    } else {
      if (static_cast<std::size_t>(label) >= seen.of_class.size())
        seen.of_class.resize(static_cast<std::size_t>(label) + 1);
      ++seen.of_class[static_cast<std::size_t>(label)];
    }
    try {
      take(data.read(i), seen, hashes);
    } catch (const std::runtime_error& error) {
      seen.damaged.push_back(error.what());
    }
  }
  seen.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return seen;
}

std::vector<std::string> names_of(const LookedData& data, const Seen& seen) {
  std::vector<std::string> names = data.classes;
  for (std::size_t i = names.size(); i < seen.of_class.size(); ++i) names.push_back(std::to_string(i));
  return names;
}

std::string report(const std::string& path, const LookedData& data, const Seen& seen) {
  std::string text = fmt::format("{}: {}, {}\n", path, data.kind, counted(data.count, "image"));
  std::vector<std::string> sizes;
  for (const auto& [size, count] : seen.sizes) sizes.push_back(fmt::format("{} of {}", count, size));
  const std::size_t more = sizes.size() > kMostNamed ? sizes.size() - kMostNamed : 0;
  sizes.resize(sizes.size() - more);
  text += fmt::format("sizes      {}{}\n", fmt::join(sizes, ", "),
                      more > 0 ? fmt::format(" and {} more", more) : "");
  if (!seen.of_class.empty())
    text += fmt::format("classes    {}\n", class_counts(names_of(data, seen), seen.of_class));
  if (!seen.of_class.empty() && seen.without_class > 0)
    text += fmt::format("no class   {}\n", seen.without_class);
  if (seen.read > 0) {
    text += fmt::format("values     {} … {}\n", seen.least, seen.most);
    std::vector<std::string> means;
    for (std::size_t c = 0; c < seen.channels; ++c)
      means.push_back(fmt::format("{:.2f} ± {:.2f}", seen.mean(c), seen.deviation(c)));
    text += fmt::format("mean       {}\n", fmt::join(means, ", "));
  }
  text += fmt::format("duplicates {}\n", seen.duplicates);
  for (const std::string& note : data.notes) text += fmt::format("note       {}\n", note);
  text += fmt::format("damaged    {}\n", seen.damaged.size());
  for (std::size_t i = 0; i < std::min(seen.damaged.size(), kMostNamed); ++i)
    text += fmt::format("  {}\n", seen.damaged[i]);
  if (seen.damaged.size() > kMostNamed)
    text += fmt::format("  and {} more; --json names all\n", seen.damaged.size() - kMostNamed);
  text += fmt::format("read in    {}, {}\n", in_words(seen.seconds),
                      rate_in_words(static_cast<double>(seen.read) / std::max(seen.seconds, 1e-9)));
  return printable(text);
}

Json as_json(const std::string& path, const LookedData& data, const Seen& seen) {
  Json classes = Json::array();
  const std::vector<std::string> names = names_of(data, seen);
  for (std::size_t i = 0; i < seen.of_class.size(); ++i)
    classes.push_back({{"label", i}, {"name", names[i]}, {"images", seen.of_class[i]}});
  Json made = {{"path", path},        {"kind", data.kind},  {"images", data.count},
               {"sizes", seen.sizes}, {"classes", classes}, {"without_class", seen.without_class}};
  if (seen.read > 0) {
    made["range"] = {seen.least, seen.most};
    for (std::size_t c = 0; c < seen.channels; ++c) {
      made["mean"].push_back(seen.mean(c));
      made["deviation"].push_back(seen.deviation(c));
    }
  }
  made["duplicates"] = seen.duplicates;
  made["notes"] = data.notes;
  made["damaged"] = seen.damaged;
  made["images_per_second"] = static_cast<double>(seen.read) / std::max(seen.seconds, 1e-9);
  return made;
}

}  // namespace

int data_command(int argc, char** argv, const Command& about) {
  Arguments arguments{about.help(), "run-pipeline data"};
  std::string path, key, sheet, html;
  bool json = false;
  arguments
      .option("data", path,
              "a folder, .zip, .tar, HDF5, IDX, .npy or .npz file, or CIFAR's; several: 'data/*.h5'")
      .required();
  arguments.option("--key", key, "the dataset of images in an HDF5 or .npz file");
  arguments.option("--sheet", sheet, "write a contact sheet with the classes' names").shown_as("PNG");
  arguments.option("--html", html, "write a page with all of it").shown_as("FILE");
  arguments.flag("--json", json, "for programs");
  return run_command(arguments, argc, argv, [&]() -> int {
    const LookedData data = look_at_data(path, key);
    const Seen seen = read_all(data);
    const std::string text = report(path, data, seen);
    if (json)
      fmt::print("{}\n", as_json(path, data, seen).dump(2, ' ', false, Json::error_handler_t::replace));
    else
      fmt::print("{}", text);
    if (!sheet.empty() || !html.empty()) {
      const Sheet drawn = contact_sheet(data);
      if (!sheet.empty()) write_png(sheet, drawn.pixels, drawn.height, drawn.width, 3);
      if (!html.empty()) replace_file(html, data_page(path, text, drawn));
    }
    return seen.damaged.empty() && seen.read > 0 ? kDone : kFailed;
  });
}

}  // namespace dagfusion
