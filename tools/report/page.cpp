#include "tools/report/page.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "graph/version.h"
#include "nodes/files/checkpoint_names.h"
#include "tools/show/difference.h"
#include "tools/show/words.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::size_t kMostPoints = 1600;             // of a curve on the page, for all runs together
constexpr std::size_t kLeastPoints = 200;             // of one run
constexpr std::size_t kMostNumbers = 60'000;          // of all curves
constexpr std::size_t kMostPictureBytes = 1'800'000;  // the page stays below 3 MB

// By path: the values in all runs, where one differs from the first.
Json differences_of(const std::vector<fs::path>& runs) {
  Json list = Json::array();
  std::map<std::string, std::size_t> places;
  const Tree first = read_document(runs.front() / kPipeline);
  for (std::size_t r = 1; r < runs.size(); ++r)
    for (const Difference& d : differences(first, read_document(runs[r] / kPipeline))) {
      if (d.path == "run.output") continue;
      const auto [place, is_new] = places.emplace(d.path, list.size());
      if (is_new)
        list.push_back({{"path", d.path}, {"values", std::vector<std::string>(runs.size(), d.before)}});
      list[place->second]["values"][r] = d.now;
    }
  return list;
}

// Only those stay that differ from all before them by more than their times.
void leave_out_equal_graphs(Json& runs) {
  std::vector<Json> seen;
  for (Json& run : runs) {
    if (!run.contains("graph")) continue;
    Json timeless = run["graph"]["nodes"];
    for (Json& node : timeless) node.erase("seconds"), node.erase("where");
    if (std::find(seen.begin(), seen.end(), timeless) != seen.end())
      run.erase("graph");
    else
      seen.push_back(std::move(timeless));
  }
}

std::string title_of(const std::vector<fs::path>& runs) {
  return runs.size() == 1 ? runs.front().string() : fmt::format("{} runs beside each other", runs.size());
}

// As JSON inside a page: no text of a user ends the script around it.
std::string embedded(const Json& data) {
  std::string safe;
  for (const char c : data.dump(-1, ' ', false, Json::error_handler_t::replace)) {
    if (c == '<')
      safe += "\\u003c";
    else
      safe += c;
  }
  return safe;
}

}  // namespace

std::string page_of(const std::string& title, const Json& data, const std::string& style,
                    const std::vector<std::string>& scripts, const std::string& body) {
  std::string page =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\">\n<title>" +
      escaped(printable(title)) + "</title>\n<style>\n" + style + "</style></head>\n<body><main>" + body +
      "</main>\n<script type=\"application/json\" id=\"data\">" + embedded(data) + "</script>\n";
  for (const std::string& script : scripts) page += "<script>\n" + script + "</script>\n";
  return page + "</body></html>\n";
}

std::string report_page(const std::vector<fs::path>& runs, const std::vector<PipelineView>& views) {
  Json data = {{"title", title_of(runs)}, {"version", DAGFUSION_VERSION}};
  data["written"] = fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::localtime(std::time(nullptr)));
  const RunDataOptions options{.most_points = std::max(kLeastPoints, kMostPoints / runs.size()),
                               .most_numbers = kMostNumbers / runs.size(),
                               .most_picture_bytes = kMostPictureBytes / runs.size()};
  data["runs"] = Json::array();
  for (std::size_t r = 0; r < runs.size(); ++r) data["runs"].push_back(run_data(runs[r], views[r], options));
  leave_out_equal_graphs(data["runs"]);
  data["differences"] = differences_of(runs);
  return page_of(data["title"], data, assets::report_css,
                 {assets::charts_js, assets::graph_js, assets::report_js});
}

}  // namespace dagfusion
