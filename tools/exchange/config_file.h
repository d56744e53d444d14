// A JSON object of another program, read key by key: what nobody has asked for at the end is named.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace dagfusion {

class ConfigFile {
 public:
  using Json = nlohmann::ordered_json;

  explicit ConfigFile(const std::filesystem::path&);  // throws UserError for what is no JSON object

  [[noreturn]] void fail(const std::string& message) const;  // "'config.json' message"
  [[noreturn]] void refuse(const std::string& key,
                           const std::string& what) const;  // … has 'key': value, what

  // The value of a key, or its default where the key is not there.
  template <class T>
  T value(const char* key, T standard) {
    asked_.insert(key);
    const auto found = json_.find(key);
    if (found == json_.end()) return standard;
    try {
      return found->template get<T>();
    } catch (const Json::exception&) {
      refuse(key, fmt::format("which is not of the kind of {}", Json(standard).dump()));
    }
  }
  // The same of a whole number that has a range.
  std::int64_t number(const char* key, std::int64_t standard, std::int64_t least, std::int64_t most);
  // The same of a key that may be null, which stands for its default too.
  template <class T>
  T value_or_null(const char* key, T standard) {
    return is_null(key, false) ? standard : value<T>(key, std::move(standard));
  }
  bool has(const char* key) const { return json_.contains(key); }
  bool is_null(const char* key, bool standard);  // `standard`: where the key is not there
  // A key that must have one of these values, the first of which is the default.
  void require(const char* key, const std::vector<Json>& good, const std::string& what_is);
  // What our word for the value of a key is: one of these, or a refusal that names them.
  std::string word(const char* key, const char* standard,
                   const std::vector<std::pair<std::string, std::string>>& theirs_and_ours);

  const Json& json() const { return json_; }
  void asked(const std::string& key) { asked_.insert(key); }
  // Keys that say nothing of what is computed.
  void leave_out(const std::vector<std::string>& keys, std::vector<std::string>& notes);
  void refuse_others() const;

 private:
  std::filesystem::path path_;
  Json json_;
  std::set<std::string> asked_;
};

}  // namespace dagfusion
