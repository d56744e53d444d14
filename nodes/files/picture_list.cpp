#include "nodes/files/picture_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <stdexcept>

namespace dagfusion {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostNamed = 5;  // of what is left out, or of classes: the rest is counted

std::string small_letters(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool is_picture(const std::string& ending) {
  static const std::set<std::string> kEndings = {".png", ".jpg",  ".jpeg", ".jpe",  ".jfif", ".webp", ".bmp",
                                                 ".tif", ".tiff", ".gif",  ".heic", ".heif", ".avif", ".jxl"};
  return kEndings.contains(ending);
}

bool is_label_file(const std::string& name) {
  return std::find(kLabelFiles.begin(), kLabelFiles.end(), name) != kLabelFiles.end();
}

std::string listed(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  const std::size_t more = names.size() > kMostNamed ? names.size() - kMostNamed : 0;
  names.resize(names.size() - more);
  return fmt::format("{}{}", fmt::join(names, ", "), more > 0 ? fmt::format(" and {} more", more) : "");
}

std::string counted_as(std::size_t count, const char* one, const char* many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

const char* is_or_are(std::size_t count) { return count == 1 ? "is" : "are"; }

// Files of other kinds and hidden ones, counted as they come.
struct Others {
  std::map<std::string, std::size_t> kinds;  // by ending
  std::size_t hidden_files = 0, hidden_folders = 0;

  void count(const std::string& ending) { ++kinds[ending.empty() ? "without an ending" : ending]; }
  void say(std::vector<std::string>& lines) const {
    std::size_t files = 0;
    std::vector<std::string> each;
    for (const auto& [ending, number] : kinds) {
      files += number;
      each.push_back(fmt::format("{} {}", number, ending));
    }
    if (files > 0)
      lines.push_back(fmt::format("{} of other kinds {} left out: {}", counted_as(files, "file", "files"),
                                  is_or_are(files), fmt::join(each, ", ")));
    if (hidden_folders > 0)
      lines.push_back(fmt::format("{} {} left out",
                                  counted_as(hidden_folders, "hidden folder", "hidden folders"),
                                  is_or_are(hidden_folders)));
    if (hidden_files > 0)
      lines.push_back(fmt::format("{} {} left out",
                                  counted_as(hidden_files, "hidden picture", "hidden pictures"),
                                  is_or_are(hidden_files)));
  }
};

class Listing {
 public:
  Listing(const fs::path& root, bool recursive) : root_(root), recursive_(recursive) {}

  PictureList made() {
    enter(root_);
    std::sort(list_.files.begin(), list_.files.end(),
              [](const PictureFile& a, const PictureFile& b) { return a.name < b.name; });
    say_what_is_left_out();
    return std::move(list_);
  }

 private:
  std::string name_of(const fs::path& path) const { return path.lexically_relative(root_).generic_string(); }

  void enter(const fs::path& folder) {
    std::error_code problem;
    fs::directory_iterator entries(folder, problem);
    for (; !problem && entries != fs::directory_iterator(); entries.increment(problem)) look_at(*entries);
    if (problem)
      throw std::runtime_error(fmt::format("'{}' cannot be listed: {}", folder.string(), problem.message()));
  }

  void look_at(const fs::directory_entry& entry) {
    std::error_code problem;
    const fs::path& path = entry.path();
    const bool hidden = path.filename().string().front() == '.';
    const fs::file_status status = entry.status(problem);  // of what a link leads to
    if (fs::is_directory(status)) {
      if (!recursive_) return;
      if (hidden) return static_cast<void>(++others_.hidden_folders);
      if (entry.is_symlink(problem)) return linked_folders_.push_back("'" + name_of(path) + "'");
      return enter(path);
    }
    const std::string ending = small_letters(path.extension().string());
    if (hidden) {
      if (is_picture(ending)) ++others_.hidden_files;
    } else if (!fs::is_regular_file(status)) {
      if (entry.is_symlink(problem)) leads_nowhere_.push_back("'" + name_of(path) + "'");
    } else if (is_picture(ending)) {
      list_.files.push_back({name_of(path), entry.file_size(problem)});
    } else if (!is_label_file(name_of(path))) {
      others_.count(ending);
    }
  }

  void say_what_is_left_out() {
    others_.say(list_.left_out);
    const auto say = [&](std::string line) { list_.left_out.push_back(std::move(line)); };
    if (!linked_folders_.empty())
      say(fmt::format("links to folders are not followed: {}", listed(linked_folders_)));
    if (!leads_nowhere_.empty())
      say(fmt::format("links that lead to no file are left out: {}", listed(leads_nowhere_)));
  }

  fs::path root_;
  bool recursive_;
  PictureList list_;
  Others others_;
  std::vector<std::string> linked_folders_, leads_nowhere_;
};

}  // namespace

PictureList list_pictures(const fs::path& folder, bool recursive) {
  return Listing(folder, recursive).made();
}

void label_by_folder(PictureList& list, const fs::path& folder) {
  std::vector<std::string> folders;
  std::error_code loops;  // a link to itself is no folder
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.is_directory(loops) && !entry.is_symlink(loops) &&
        entry.path().filename().string().front() != '.')
      folders.push_back(entry.path().filename().string());
  label_by_folders(list, std::move(folders));
}

void label_by_folders(PictureList& list, std::vector<std::string> folders) {
  const auto inside = [](const PictureFile& file) { return file.name.find('/') != std::string::npos; };
  if (std::none_of(list.files.begin(), list.files.end(), inside)) return;
  std::sort(folders.begin(), folders.end(), natural_less);
  folders.erase(std::unique(folders.begin(), folders.end()), folders.end());
  std::map<std::string, std::int32_t> numbers;
  for (const std::string& name : folders) numbers.emplace(name, static_cast<std::int32_t>(numbers.size()));
  for (PictureFile& file : list.files)
    if (inside(file)) file.label = numbers.at(file.name.substr(0, file.name.find('/')));
  list.classes = std::move(folders);
  list.labels_from = "folders";
}

std::vector<std::size_t> pictures_among(const std::vector<std::string>& names,
                                        std::vector<std::string>& left_out) {
  std::vector<std::size_t> pictures;
  Others others;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const fs::path path(names[i]);
    const std::string ending = small_letters(path.extension().string());
    if (path.filename().string().starts_with('.') || names[i].starts_with('.') ||
        names[i].starts_with("__MACOSX/"))
      others.hidden_files += is_picture(ending) ? 1 : 0;
    else if (is_picture(ending))
      pictures.push_back(i);
    else if (ending != ".cls" && !is_label_file(names[i]))
      others.count(ending);
  }
  std::sort(pictures.begin(), pictures.end(),
            [&](std::size_t a, std::size_t b) { return names[a] < names[b]; });
  others.say(left_out);
  return pictures;
}

bool natural_less(std::string_view a, std::string_view b) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto take_number = [&](std::string_view& text) {  // its digits without zeros in front
    std::size_t end = 0;
    while (end < text.size() && is_digit(text[end])) ++end;
    std::string_view digits = text.substr(0, end);
    text.remove_prefix(end);
    while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
    return digits;
  };
  std::string_view x = a, y = b;
  while (!x.empty() && !y.empty()) {
    if (is_digit(x.front()) && is_digit(y.front())) {
      const std::string_view m = take_number(x), n = take_number(y);
      if (m.size() != n.size()) return m.size() < n.size();
      if (m != n) return m < n;
    } else {
      if (x.front() != y.front())
        return static_cast<unsigned char>(x.front()) < static_cast<unsigned char>(y.front());
      x.remove_prefix(1);
      y.remove_prefix(1);
    }
  }
  return x.empty() != y.empty() ? x.empty() : a < b;  // 01 and 1 differ in their bytes
}

std::string several_kinds(const PictureList& list) {
  std::map<std::string, std::size_t> kinds;
  for (const PictureFile& file : list.files) ++kinds[small_letters(fs::path(file.name).extension().string())];
  if (kinds.size() < 2) return "";
  std::vector<std::string> each;
  for (const auto& [ending, number] : kinds) each.push_back(fmt::format("{} {}", number, ending));
  return fmt::format("pictures: {}", fmt::join(each, ", "));
}

std::string class_counts(const std::vector<std::string>& classes, const std::vector<std::int64_t>& counts) {
  constexpr std::size_t kMostClasses = 20;
  std::string text;
  for (std::size_t i = 0; i < std::min(classes.size(), kMostClasses); ++i)
    text += fmt::format("{}{} '{}' {}", i == 0 ? "" : ", ", i, classes[i], counts[i]);
  if (classes.size() > kMostClasses) text += fmt::format(" and {} more", classes.size() - kMostClasses);
  return text;
}

}  // namespace dagfusion
