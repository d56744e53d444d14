#include "nodes/files/image_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "nodes/files/image_datasets.h"
#include "nodes/files/picture_list.h"

namespace dagfusion {

std::vector<std::int64_t> whole_numbers(const Hdf5File& file, const Hdf5Rows& rows, std::int64_t count,
                                        std::int64_t least, std::int64_t most) {
  const NumberFormat& format = rows.type().number;
  const auto per_image = static_cast<std::int64_t>(count_of(rows.shape()) / rows.count());
  if (rows.type().kind != Hdf5Type::Kind::number || per_image != 1 || rows.count() != count)
    file.fail(
        fmt::format("has '{}' that are not one whole number for each of the {} images", rows.name(), count));
  std::vector<double> values(static_cast<std::size_t>(count));
  const std::vector<std::uint8_t> all = rows.read_all();
  read_numbers(format, std::as_bytes(std::span(all)), values);
  std::vector<std::int64_t> made;
  for (const double value : values) {
    if (value != std::floor(value))
      file.fail(fmt::format(
          "has {:g} among '{}', which is no whole number; 'label_key: none' reads the images alone", value,
          rows.name()));
    if (value < static_cast<double>(least) || value > static_cast<double>(most))
      file.fail(fmt::format("has {:.0f} among '{}'; they must lie between {} and {}", value, rows.name(),
                            least, most));
    made.push_back(static_cast<std::int64_t>(value));
  }
  return made;
}

std::vector<std::string> texts(const Hdf5File& file, const Hdf5Rows& rows) {
  const std::vector<std::uint8_t> all = rows.read_all();
  std::vector<std::string> made;
  for (std::size_t at = 0; at < all.size(); at += rows.type().bytes) {
    const std::span<const std::uint8_t> one(all.data() + at, rows.type().bytes);
    if (rows.type().kind == Hdf5Type::Kind::text) {
      made.emplace_back(one.begin(), std::find(one.begin(), one.end(), 0));
    } else {
      const std::vector<std::uint8_t> value = file.long_value(one, 1);
      made.emplace_back(value.begin(), value.end());
    }
  }
  return made;
}

namespace {

constexpr std::size_t kCache = std::size_t{1} << 31;  // labels are read at once

// Each group is a class.
ImageLabels by_group(std::span<const Hdf5Rows> images) {
  ImageLabels made;
  std::string group;
  for (const Hdf5Rows& part : images) {
    if (made.labels.empty() || group_of(part.name()) != group)
      made.class_names.push_back(last_part_of(group = group_of(part.name())));
    made.labels.insert(made.labels.end(), static_cast<std::size_t>(part.count()),
                       static_cast<std::int32_t>(made.class_names.size() - 1));
  }
  return made;
}

// "x_train" has its labels in "y_train" as a rule.
std::vector<std::string> usual_names(const std::string& images) {
  std::vector<std::string> usual = {"labels", "label", "y", "targets", "target", "class", "classes"};
  for (const std::string x : {"x", "X", "images", "image", "data"})
    if (images.starts_with(x))
      for (const char* y : {"y", "Y", "labels", "label", "targets", "target"})
        usual.push_back(y + images.substr(x.size()));
  return usual;
}

// The dataset of labels beside the images; empty: there is none.
std::string find_labels(const std::shared_ptr<const Hdf5File>& file, const std::string& images,
                        std::int64_t count) {
  for (const std::string& name : usual_names(last_part_of(images))) {
    const std::string path = group_of(images) + "/" + name;
    if (path == images || !file->find(path)) continue;
    if (path == "/labels" || Hdf5Rows(file, path, kCache).count() == count) return path;
  }
  return "";
}

ImageLabels of_texts(const std::vector<std::string>& names) {
  ImageLabels made{.labels = {}, .class_names = names};
  std::vector<std::string>& classes = made.class_names;
  std::sort(classes.begin(), classes.end(), natural_less);
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  for (const std::string& name : names)
    made.labels.push_back(static_cast<std::int32_t>(
        std::lower_bound(classes.begin(), classes.end(), name, natural_less) - classes.begin()));
  return made;
}

ImageLabels of_one_hot(const Hdf5File& file, const Hdf5Rows& rows) {
  const auto count = static_cast<std::size_t>(rows.count()),
             classes = static_cast<std::size_t>(rows.shape()[1]);
  std::vector<float> hot(count * classes);
  const std::vector<std::uint8_t> all = rows.read_all();
  read_numbers(rows.type().number, std::as_bytes(std::span(all)), hot);
  ImageLabels made;
  for (std::size_t image = 0; image < count; ++image) {
    const auto one = std::span(hot).subspan(image * classes, classes);
    const auto ones = std::count(one.begin(), one.end(), 1.0F),
               zeros = std::count(one.begin(), one.end(), 0.0F);
    if (ones != 1 || ones + zeros != static_cast<std::ptrdiff_t>(classes))
      file.fail(
          fmt::format("has '{}' {} that are not one-hot: those of image {} are no single 1 among zeros; "
                      "'label_key: none' reads the images alone",
                      rows.name(), to_string(rows.shape()), image));
    made.labels.push_back(static_cast<std::int32_t>(std::find(one.begin(), one.end(), 1.0F) - one.begin()));
  }
  return made;
}

}  // namespace

ImageLabels read_image_labels(const std::shared_ptr<const Hdf5File>& file, std::span<const Hdf5Rows> images,
                              std::int64_t count, const std::string& label_key) {
  if (label_key == "none") return {};
  if (images.size() > 1 && group_of(images.front().name()) != group_of(images.back().name()))
    return by_group(images);
  const std::string key =
      label_key.empty() ? find_labels(file, images.front().name(), count) : with_slash(label_key);
  if (key.empty()) return {};
  const Hdf5Rows rows(file, key, kCache);
  using Kind = Hdf5Type::Kind;
  const Kind kind = rows.type().kind;
  if (rows.count() == count && rows.shape().size() == 1 &&
      (kind == Kind::text || kind == Kind::texts_of_any_length))
    return of_texts(texts(*file, rows));
  if (rows.count() == count && rows.shape().size() == 2 && rows.shape()[1] > 1 && kind == Kind::number)
    return of_one_hot(*file, rows);
  ImageLabels made;
  for (const std::int64_t label :
       whole_numbers(*file, rows, count, -1, std::numeric_limits<std::int32_t>::max()))
    made.labels.push_back(static_cast<std::int32_t>(label));
  return made;
}

}  // namespace dagfusion
