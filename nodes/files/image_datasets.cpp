#include "nodes/files/image_datasets.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "nodes/files/picture_list.h"

namespace dagfusion {

std::string with_slash(const std::string& key) { return key.starts_with('/') ? key : "/" + key; }

std::string group_of(const std::string& name) { return name.substr(0, name.rfind('/')); }
std::string last_part_of(const std::string& name) { return name.substr(name.rfind('/') + 1); }

namespace {

constexpr std::size_t kMostListed = 12;

bool is_channels(std::int64_t side) { return side == 1 || side == 3 || side == 4; }

bool could_be_images(const Hdf5Entry& entry) {
  const Shape& s = entry.shape;
  if (entry.type.kind == Hdf5Type::Kind::bytes_of_any_length) return s.size() == 1;
  if (entry.type.kind != Hdf5Type::Kind::number) return false;
  if (s.size() == 4)  // [N,1,1,1] are labels
    return (is_channels(s[3]) && s[1] * s[2] > 1) || (is_channels(s[1]) && s[2] * s[3] > 1);
  return s.size() == 3 && s[1] > 1 && s[2] > 1;
}

std::string listed(const std::vector<Hdf5Entry>& entries) {
  std::string text;
  for (std::size_t i = 0; i < std::min(entries.size(), kMostListed); ++i)
    text += (i == 0 ? "" : ", ") + to_string(entries[i]);
  if (entries.size() > kMostListed) text += fmt::format(" and {} more", entries.size() - kMostListed);
  return text.empty() ? "nothing" : text;
}

// Whether these are the same images of one class each, each in a group of its own, such as /cat/images and /dog/images.
bool are_classes(const std::vector<Hdf5Entry>& found) {
  static const std::set<std::string> kSplits = {"train",      "test",     "val", "valid",
                                                "validation", "training", "dev"};
  std::set<std::string> groups;
  bool all_splits = true;
  for (const Hdf5Entry& entry : found) {
    const std::string group = group_of(entry.name);
    if (group.empty() || !groups.insert(group).second || entry.type.name != found[0].type.name ||
        !std::equal(entry.shape.begin() + 1, entry.shape.end(), found[0].shape.begin() + 1,
                    found[0].shape.end()))
      return false;
    all_splits = all_splits && kSplits.contains(last_part_of(group));
  }
  return found.size() > 1 && !all_splits;
}

// Many programs give every image a dataset of its own, [H,W,C] or [C,H,W].
bool are_one_each(const std::vector<Hdf5Entry>& images, std::size_t of) {
  constexpr std::size_t kFewest = 3;
  const auto is_image = [](const Hdf5Entry& entry) {
    const Shape& s = entry.shape;
    return entry.type.kind == Hdf5Type::Kind::number && s.size() == 3 && s[1] > 1 &&
           ((is_channels(s[2]) && s[0] > 1) || (is_channels(s[0]) && s[2] > 1));
  };
  return images.size() >= kFewest && 2 * images.size() > of &&
         std::all_of(images.begin(), images.end(), is_image);
}

// In natural order, group by group; several groups are classes.
ImageDatasets one_each(const Hdf5File& file, std::vector<Hdf5Entry> images) {
  for (const Hdf5Entry& entry : images)
    if (entry.shape != images[0].shape || entry.type.name != images[0].type.name)
      file.fail(
          fmt::format("has a dataset for each image, {} of them, which differ: {} and {}; one data set has "
                      "one size and type",
                      images.size(), to_string(images[0]), to_string(entry)));
  std::sort(images.begin(), images.end(), [](const Hdf5Entry& a, const Hdf5Entry& b) {
    const std::string left = group_of(a.name), right = group_of(b.name);
    return left == right ? natural_less(last_part_of(a.name), last_part_of(b.name))
                         : natural_less(left, right);
  });
  ImageDatasets found{.keys = {}, .one_each = true, .names = {}};
  for (const Hdf5Entry& entry : images) {
    found.keys.push_back(entry.name);
    found.names.push_back(entry.name.substr(1));
  }
  return found;
}

void refuse_one_file_each(const Hdf5File& file, const std::vector<Hdf5Entry>& all) {
  constexpr std::ptrdiff_t kFewest = 3;
  const auto is_picture = [](const Hdf5Entry& entry) {
    const bool bytes = entry.type.kind == Hdf5Type::Kind::number && entry.type.number.is_byte();
    return (bytes && entry.shape.size() == 1) || (entry.shape.empty() && entry.type.name == "opaque bytes");
  };
  const auto pictures = std::count_if(all.begin(), all.end(), is_picture);
  if (pictures >= kFewest && 2 * pictures > static_cast<std::ptrdiff_t>(all.size()))
    file.fail(fmt::format(
        "has a dataset for each picture's file, {} of them: {}; saved as files, pack_images.yaml packs "
        "them",
        pictures, listed(all)));
}

// By name, in natural order; each is a class.
ImageDatasets one_a_class(std::vector<Hdf5Entry> images) {
  std::sort(images.begin(), images.end(),
            [](const Hdf5Entry& a, const Hdf5Entry& b) { return natural_less(a.name, b.name); });
  ImageDatasets found;
  for (const Hdf5Entry& entry : images) found.keys.push_back(entry.name);
  return found;
}

[[noreturn]] void refuse_without_images(const Hdf5File& file, const std::vector<Hdf5Entry>& all) {
  for (const Hdf5Entry& entry : all)
    if (entry.shape.size() == 4 && is_channels(entry.shape[2]))
      file.fail(
          fmt::format("has '{}' {}, which looks like [H,W,C,N]; transpose(3, 0, 1, 2) makes [N,H,W,C] of it",
                      entry.name, to_string(entry.shape)));
  file.fail(
      fmt::format("has no dataset of images ([N,H,W,C], [N,C,H,W] or [N,H,W]); it has {}", listed(all)));
}

}  // namespace

ImageDatasets find_image_datasets(const Hdf5File& file, const std::string& key) {
  const std::string wanted = with_slash(key);
  if (key.empty() && file.find("/images")) return {.keys = {"/images"}};
  const std::vector<Hdf5Entry> all = file.datasets();
  std::vector<Hdf5Entry> found;
  for (const Hdf5Entry& entry : all) {
    if (entry.name == wanted) return {.keys = {wanted}};
    const bool inside = key.empty() || wanted == "/" || entry.name.starts_with(wanted + "/");
    if (inside && could_be_images(entry)) found.push_back(entry);
  }
  if (are_one_each(found, all.size())) return one_each(file, std::move(found));
  if (key.empty() && found.empty()) refuse_one_file_each(file, all);
  if (found.size() == 1) return {.keys = {found[0].name}};
  if (are_classes(found)) return one_a_class(std::move(found));
  if (!found.empty())
    file.fail(fmt::format("has {} datasets that could be images: {}; say which with 'key: {}'", found.size(),
                          listed(found), found[0].name.substr(1)));
  if (!key.empty()) {
    file.find(wanted);  // a link, or something that is no dataset, has its own message
    file.fail(fmt::format("has no dataset '{}'; it has {}", wanted, listed(all)));
  }
  refuse_without_images(file, all);
}

}  // namespace dagfusion
