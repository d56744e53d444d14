// Labels that stand in a file beside the pictures.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "nodes/files/durable.h"
#include "nodes/files/picture_list.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::uint64_t kMostBytes = std::uint64_t{512} << 20;
constexpr std::int64_t kMostClasses = 1'000'000;

// Of one picture, as its file writes it: a number, or a name. Moved, never copied (graph/values/unset.h says why).
using Label = std::variant<std::int64_t, std::string>;

struct Labels {
  std::map<std::string, Label> of;  // by the picture's name
  std::size_t unlabelled = 0;       // listed, with null or nothing for a label
};

std::optional<std::int64_t> whole_number(const std::string& text) {
  if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return std::stoll(text);
}

// A number, a name, or one-hot: [0, 0, 1].
std::optional<Label> label_of(const Json& value) {
  if (value.is_number_integer() && value.get<std::int64_t>() >= 0) return value.get<std::int64_t>();
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return std::nullopt;
  std::optional<Label> hot;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (!value[i].is_number()) return std::nullopt;
    const double one = value[i].get<double>();
    if (one == 0) continue;
    if (one != 1 || hot) return std::nullopt;
    hot = static_cast<std::int64_t>(i);
  }
  return hot;
}

Labels read_dataset_json(const std::string& text) {
  const Json root = Json::parse(text);
  Labels labels;
  if (!root.is_object() || !root.contains("labels"))
    throw std::runtime_error("has no \"labels\" as StyleGAN's and EDM's dataset.json have");
  const Json& list = root.at("labels");
  if (list.is_null()) return labels;
  const auto take = [&](const std::string& name, const Json& value) {
    if (value.is_null()) return static_cast<void>(++labels.unlabelled);
    std::optional<Label> label = label_of(value);
    if (!label)
      throw std::runtime_error(fmt::format("has a label of '{}' that is no class: {}", name, value.dump()));
    labels.of[name] = std::move(*label);
  };
  if (list.is_object()) {
    for (const auto& [name, value] : list.items()) take(name, value);
  } else {
    for (const Json& pair : list) {
      if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string())
        throw std::runtime_error("has \"labels\" that are no pairs of a name and a label");
      take(pair[0].get<std::string>(), pair[1]);
    }
  }
  return labels;
}

constexpr std::array<const char*, 6> kNameColumns = {"file_name", "filename", "file",
                                                     "image",     "path",     "name"};
constexpr std::array<const char*, 4> kLabelColumns = {"label", "class", "category", "labels"};

Labels read_json_lines(const std::string& text) {
  Labels labels;
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const Json entry = Json::parse(line);
    const auto column = [&](const auto& names) {
      for (const char* name : names)
        if (entry.contains(name)) return &entry.at(name);
      throw std::runtime_error(fmt::format("has a line {} without \"{}\"", number + 1, names[0]));
    };
    if (!entry.is_object() || !column(kNameColumns)->is_string())
      throw std::runtime_error(fmt::format("has a line {} that is no picture and its label", number + 1));
    const auto name = column(kNameColumns)->template get<std::string>();
    const Json& value = *column(kLabelColumns);
    if (value.is_null()) {
      ++labels.unlabelled;
    } else if (std::optional<Label> label = label_of(value)) {
      labels.of[name] = std::move(*label);
    } else {
      throw std::runtime_error(fmt::format("has a label of '{}' that is no class: {}", name, value.dump()));
    }
  }
  return labels;
}

// The fields of one line, which ends at `at` afterwards; "" inside quotes is a quote (RFC 4180).
std::vector<std::string> csv_line(const std::string& text, std::size_t& at) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted && c == '"' && at + 1 < text.size() && text[at + 1] == '"') {
      fields.back() += '"';
      ++at;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else if (c == '\n' && !quoted) {
      ++at;
      break;
    } else if (c != '\r' || quoted) {
      fields.back() += c;
    }
  }
  return fields;
}

Labels read_csv(const std::string& text) {
  std::size_t at = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  const std::vector<std::string> head = csv_line(text, at);
  const auto column = [&](const auto& names) {
    for (const char* name : names)
      if (const auto found = std::find(head.begin(), head.end(), name); found != head.end())
        return static_cast<std::size_t>(found - head.begin());
    throw std::runtime_error(
        fmt::format("has no column '{}' in its first line; it has {}", names[0], fmt::join(head, ", ")));
  };
  const std::size_t name = column(kNameColumns), label = column(kLabelColumns);
  Labels labels;
  for (std::size_t number = 2; at < text.size(); ++number) {
    const std::vector<std::string> fields = csv_line(text, at);
    if (fields.size() == 1 && fields[0].empty()) continue;
    if (fields.size() != head.size())
      throw std::runtime_error(
          fmt::format("has {} fields in line {}, {} in its first", fields.size(), number, head.size()));
    if (fields[label].empty()) {
      ++labels.unlabelled;
    } else if (const auto value = whole_number(fields[label])) {
      labels.of[fields[name]] = *value;
    } else {
      labels.of[fields[name]] = Label(fields[label]);
    }
  }
  return labels;
}

Labels read_labels(const fs::path& file, const std::string& text) {
  const std::string ending = file.extension().string();
  try {
    return ending == ".csv"     ? read_csv(text)
           : ending == ".jsonl" ? read_json_lines(text)
                                : read_dataset_json(text);
  } catch (const Json::exception& error) {
    throw std::runtime_error(fmt::format("'{}' is no JSON: {}", file.string(), error.what()));
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(fmt::format("'{}' {}", file.string(), error.what()));
  }
}

// Names in natural order; numbers are names of their own when they come alone.
std::vector<std::string> classes_of(const Labels& labels, const fs::path& file) {
  std::set<std::string, decltype(&natural_less)> names(&natural_less);
  std::int64_t count = 0;
  for (const auto& [picture, label] : labels.of) {
    if (const auto* name = std::get_if<std::string>(&label)) names.insert(*name);
    if (const auto* number = std::get_if<std::int64_t>(&label)) count = std::max(count, *number + 1);
  }
  if (!names.empty() && count > 0)
    throw std::runtime_error(fmt::format("'{}' has both numbers and names for labels, such as {} and '{}'",
                                         file.string(), count - 1, *names.begin()));
  if (count > kMostClasses)
    throw std::runtime_error(
        fmt::format("'{}' has a label {}; the limit is {} classes", file.string(), count - 1, kMostClasses));
  if (!names.empty()) return {names.begin(), names.end()};
  std::vector<std::string> numbers;
  for (std::int64_t i = 0; i < count; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

void put_labels(PictureList& list, Labels labels, const fs::path& file) {
  list.classes = classes_of(labels, file);
  list.labels_from = file.filename().string();
  std::map<std::string, std::int32_t> numbers;
  for (const std::string& name : list.classes)
    numbers.emplace(name, static_cast<std::int32_t>(numbers.size()));
  std::size_t without = 0;
  for (PictureFile& picture : list.files) {
    const auto found = labels.of.find(picture.name);
    if (found == labels.of.end()) {
      ++without;
      continue;
    }
    const auto* name = std::get_if<std::string>(&found->second);
    picture.label =
        name ? numbers.at(*name) : static_cast<std::int32_t>(std::get<std::int64_t>(found->second));
    labels.of.erase(found);
  }
  if (without > 0)
    list.left_out.push_back(fmt::format("{} {} no label in {}, so their label is -1", without,
                                        without == 1 ? "picture has" : "pictures have", list.labels_from));
  if (!labels.of.empty())
    list.left_out.push_back(
        fmt::format("{} labels {}, such as '{}', which {} not there", list.labels_from,
                    labels.of.size() == 1 ? "a picture" : fmt::format("{} pictures", labels.of.size()),
                    labels.of.begin()->first, labels.of.size() == 1 ? "is" : "are"));
}

}  // namespace

fs::path label_file_in(const fs::path& folder) {
  for (const char* name : kLabelFiles)
    if (fs::is_regular_file(folder / name)) return folder / name;
  return {};
}

void label_by_file(PictureList& list, const fs::path& file) {
  put_labels(list, read_labels(file, read_text(file, kMostBytes)), file);
}

void label_by_text(PictureList& list, const std::string& name, const std::string& text) {
  put_labels(list, read_labels(name, text), name);
}

void label_by_names(PictureList& list, const std::map<std::string, std::string>& classes,
                    const std::string& from) {
  Labels labels;
  for (const auto& [name, text] : classes) {
    const std::optional<std::int64_t> number = whole_number(text);
    labels.of[name] = number ? Label(*number) : Label(text);
  }
  put_labels(list, std::move(labels), from);
}

}  // namespace dagfusion
