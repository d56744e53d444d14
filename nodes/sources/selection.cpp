#include "nodes/sources/selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "graph/values/random.h"
#include "nodes/files/crc32c.h"

namespace dagfusion {
namespace {

// From 0 to 1, by the bits of the name alone: the same in every data set, on every machine.
double place_of(const std::string& name) {
  constexpr double kAll = 4294967296.0;
  return stream_key(0, name)[0] / kAll;
}

// So many of a list, from all over it.
std::vector<std::int64_t> spread(const std::vector<std::int64_t>& list, std::size_t most) {
  if (list.size() <= most) return list;
  std::vector<std::int64_t> taken(most);
  for (std::size_t i = 0; i < most; ++i) taken[i] = list[i * list.size() / most];
  return taken;
}

}  // namespace

std::vector<Parameter> Selection::parameters_behind(std::vector<Parameter> own) {
  own.push_back({.name = "split",
                 .kind = Kind::choice,
                 .doc = "which part, by the hash of each image's name, or of its number where it has none",
                 .standard = "all",
                 .choices = {"all", "train", "validation"}});
  own.push_back({.name = "validation",
                 .kind = Kind::real,
                 .doc = "the share of images that are for validation",
                 .standard = 0.1,
                 .minimum = 0,
                 .maximum = 1});
  own.push_back({.name = "only",
                 .kind = Kind::texts,
                 .doc = "the classes to read, by name; none = all. Their numbers stay",
                 .standard = std::vector<std::string>{}});
  own.push_back(
      {.name = "balance",
       .kind = Kind::choice,
       .doc = "as many images of every class: cut = as of the rarest, repeat = as of the most frequent",
       .standard = "none",
       .choices = {"none", "cut", "repeat"}});
  own.push_back({.name = "most",
                 .kind = Kind::integer,
                 .doc = "so many images at most, from all over the data set; 0 = all",
                 .standard = std::int64_t{0},
                 .minimum = 0});
  return own;
}

Selection::Selection(Setup& setup, const SelectableImages& images) : count_(images.count) {
  const std::string &part = setup.text("split"), &balance = setup.text("balance");
  const std::int64_t most = setup.integer("most");
  all_ = part == "all" && setup.parameters().texts("only").empty() && balance == "none" &&
         (most == 0 || most >= count_);
  if (all_) return;
  chosen_.resize(static_cast<std::size_t>(count_));
  std::iota(chosen_.begin(), chosen_.end(), 0);
  if (part != "all") split(part, setup.parameters().real("validation"), images);
  take_only(setup, images);
  if (balance != "none") {
    if (!images.label) setup.fail_at("balance", "'balance' needs classes, and this data set has none");
    even_out(balance == "repeat", images);
  }
  if (most > 0) thin_out(most);
  if (chosen_.empty())
    setup.fail_at(
        "path", fmt::format("of {} images, none is left of what 'split', 'only', 'balance' and 'most' choose",
                            count_));
  setup.note_at("path", fmt::format("{} of {} images are read", chosen_.size(), count_));
}

// Both parts have an image at least, where there are two: a small data set has none below 0.1 as likely as not.
void Selection::split(const std::string& part, double validation, const SelectableImages& images) {
  std::vector<double> places;
  for (const std::int64_t image : chosen_) {
    const std::string name = images.name ? images.name(image) : "";
    places.push_back(place_of(name.empty() ? std::to_string(image) : name));
  }
  const auto [least, most] = std::minmax_element(places.begin(), places.end());
  const bool divides = !places.empty() && *least < *most && validation > 0 && validation < 1;
  const double border = divides ? std::clamp(validation, std::nextafter(*least, 1.0), *most) : validation;
  std::erase_if(chosen_, [&](std::int64_t image) {  // all are there still: an image is its own place
    return (places[static_cast<std::size_t>(image)] < border) != (part == "validation");
  });
}

void Selection::take_only(Setup& setup, const SelectableImages& images) {
  const std::vector<std::string>& wanted = setup.parameters().texts("only");
  if (wanted.empty()) return;
  std::set<std::int32_t> labels;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto found = std::find(images.classes.begin(), images.classes.end(), wanted[i]);
    if (found == images.classes.end())
      setup.parameters().fail(
          "only", i,
          fmt::format("'only' has the class '{}', which the data set has not; it has {}", wanted[i],
                      images.classes.empty() ? "none" : fmt::format("{}", fmt::join(images.classes, ", "))));
    labels.insert(static_cast<std::int32_t>(found - images.classes.begin()));
  }
  std::erase_if(chosen_, [&](std::int64_t image) { return !labels.contains(images.label(image)); });
}

// Images without a class are left out.
void Selection::even_out(bool repeat, const SelectableImages& images) {
  std::map<std::int32_t, std::vector<std::int64_t>> of_class;
  for (const std::int64_t image : chosen_)
    if (images.label(image) >= 0) of_class[images.label(image)].push_back(image);
  chosen_.clear();
  std::size_t least = SIZE_MAX, largest = 0;
  for (const auto& [label, list] : of_class) {
    least = std::min(least, list.size());
    largest = std::max(largest, list.size());
  }
  for (auto& [label, list] : of_class) {
    list = repeat ? list : spread(list, least);
    const std::size_t count = repeat ? largest : list.size();
    for (std::size_t i = 0; i < count; ++i) chosen_.push_back(list[i % list.size()]);
  }
  std::sort(chosen_.begin(), chosen_.end());
}

void Selection::thin_out(std::int64_t most) { chosen_ = spread(chosen_, static_cast<std::size_t>(most)); }

std::string Selection::fingerprint() const {
  return all_ ? ""
              : fmt::format(" chosen {} {:08x}", chosen_.size(), crc32c(std::as_bytes(std::span(chosen_))));
}

}  // namespace dagfusion
