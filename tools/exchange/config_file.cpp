#include "tools/exchange/config_file.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

#include "graph/document/fault.h"
#include "nodes/files/durable.h"

namespace dagfusion {

namespace {

constexpr std::uint64_t kLargestConfig = 16 << 20;

// Python writes numbers that JSON has not: as texts they can be read, and named.
std::string with_python_numbers_quoted(const std::string& text) {
  std::string quoted;
  bool in_text = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"' && (i == 0 || text[i - 1] != '\\')) in_text = !in_text;
    std::string word;
    if (!in_text)
      for (const char* number : {"-Infinity", "Infinity", "NaN"})
        if (word.empty() && text.compare(i, std::strlen(number), number) == 0) word = number;
    quoted += word.empty() ? std::string(1, text[i]) : '"' + word + '"';
    if (!word.empty()) i += word.size() - 1;
  }
  return quoted;
}

}  // namespace

ConfigFile::ConfigFile(const std::filesystem::path& path) : path_(path) {
  try {
    json_ = Json::parse(with_python_numbers_quoted(read_text(path, kLargestConfig)));
  } catch (const Json::exception& error) {
    fail(fmt::format("is no JSON: {}", error.what()));
  }
  if (!json_.is_object()) fail("holds no map");
}

void ConfigFile::fail(const std::string& message) const {
  throw UserError({}, fmt::format("'{}' {}", path_.string(), message));
}

void ConfigFile::refuse(const std::string& key, const std::string& what) const {
  fail(fmt::format("has '{}': {}, {}", key, json_.contains(key) ? json_.at(key).dump() : "nothing", what));
}

std::int64_t ConfigFile::number(const char* key, std::int64_t standard, std::int64_t least,
                                std::int64_t most) {
  asked_.insert(key);
  const auto found = json_.find(key);
  if (found == json_.end()) return standard;
  if (!found->is_number_integer())
    refuse(key, fmt::format("which is not of the kind of {}", Json(standard).dump()));
  const auto given = found->get<std::int64_t>();
  if (given < least || given > most)
    refuse(key, fmt::format("but {} {} {} are known here", least, most - least == 1 ? "and" : "to", most));
  return given;
}

bool ConfigFile::is_null(const char* key, bool standard) {
  asked_.insert(key);
  const auto found = json_.find(key);
  return found == json_.end() ? standard : found->is_null();
}

void ConfigFile::require(const char* key, const std::vector<Json>& good, const std::string& what_is) {
  asked_.insert(key);
  const auto found = json_.find(key);
  if (found == json_.end() || std::find(good.begin(), good.end(), *found) != good.end()) return;
  refuse(key, what_is);
}

std::string ConfigFile::word(const char* key, const char* standard,
                             const std::vector<std::pair<std::string, std::string>>& theirs_and_ours) {
  const auto given = value<std::string>(key, standard);
  std::vector<std::string> known;
  for (const auto& [theirs, ours] : theirs_and_ours) {
    if (theirs == given) return ours;
    known.push_back(theirs);
  }
  const std::string last = known.back();
  known.pop_back();
  refuse(key, fmt::format("but {} and {} are known here", fmt::join(known, ", "), last));
}

void ConfigFile::leave_out(const std::vector<std::string>& keys, std::vector<std::string>& notes) {
  std::vector<std::string> there;
  for (const std::string& key : keys) {
    asked_.insert(key);
    if (json_.contains(key)) there.push_back(fmt::format("{}: {}", key, json_.at(key).dump()));
  }
  if (!there.empty())
    notes.push_back(fmt::format("{}: left out {}", path_.filename().string(), fmt::join(there, ", ")));
}

void ConfigFile::refuse_others() const {
  std::vector<std::string> unknown;
  for (const auto& [key, value] : json_.items())
    if (!asked_.count(key) && !key.starts_with("_")) unknown.push_back("'" + key + "'");
  if (!unknown.empty()) fail(fmt::format("has keys that are not known here: {}", fmt::join(unknown, ", ")));
}

}  // namespace dagfusion
