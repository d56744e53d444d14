#include "graph/document/fault.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace dagfusion {

namespace {

std::string text_of(const std::vector<Fault>& faults) {
  std::string text;
  for (const Fault& fault : faults) {
    if (!text.empty()) text += '\n';
    if (!fault.where.file.empty()) text += to_string(fault.where) + ": ";
    text += fault.message;
  }
  return text;
}

// File by file as they come, and each from its top to its bottom; what stands nowhere stays where it came.
std::vector<Fault> in_order(std::vector<Fault> faults) {
  std::vector<std::string> files;
  const auto rank = [&](const Fault& f) {
    return std::find(files.begin(), files.end(), f.where.file) - files.begin();
  };
  std::vector<Fault> kept;
  for (Fault& f : faults) {
    if (std::find(files.begin(), files.end(), f.where.file) == files.end()) files.push_back(f.where.file);
    const bool known =
        std::any_of(kept.begin(), kept.end(), [&](const Fault& k) { return says_the_same(k, f); });
    if (!known) kept.push_back(std::move(f));
  }
  std::stable_sort(kept.begin(), kept.end(), [&](const Fault& a, const Fault& b) {
    if (rank(a) != rank(b)) return rank(a) < rank(b);
    if (a.where.line != b.where.line) return a.where.line < b.where.line;
    return a.where.line > 0 && a.where.column < b.where.column;
  });
  return kept;
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

// Damerau 1964, Levenshtein 1966: the fewest insertions, deletions, replacements and swaps of neighbours.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::string to_string(const Position& where) {
  if (where.line == 0) return where.file;
  return fmt::format("{}:{}:{}", where.file, where.line, where.column);
}

bool says_the_same(const Fault& a, const Fault& b) {
  return a.message == b.message && with_text(a.where) == with_text(b.where);
}

std::string with_text(const Position& where) {
  return where.text.empty() ? to_string(where) : to_string(where) + " " + where.text;
}

UserError::UserError(std::vector<Fault> faults)
    : std::runtime_error(text_of(faults = in_order(std::move(faults)))), faults_(std::move(faults)) {}

UserError::UserError(Position where, std::string message)
    : UserError(std::vector<Fault>{{std::move(where), std::move(message)}}) {}

bool UserError::only_misses_files() const {
  return std::all_of(faults_.begin(), faults_.end(),
                     [](const Fault& f) { return f.kind == FaultKind::missing_file; });
}

std::optional<std::string> nearest(std::string_view given, const std::vector<std::string>& candidates) {
  constexpr std::size_t kLongest = 64;  // nobody misspells a name this long
  const std::string wanted = lower_case(given.substr(0, kLongest));
  std::optional<std::string> best;
  std::size_t least = std::max<std::size_t>(1, wanted.size() / 3);
  for (const std::string& candidate : candidates) {
    const std::size_t far = distance(wanted, lower_case(candidate));
    const bool similar = far < std::max(wanted.size(), candidate.size());  // something of it is left
    if (similar && (best ? far < least : far <= least)) {
      best = candidate;
      least = far;
    }
  }
  return best;
}

std::string suggestion(std::string_view given, const std::vector<std::string>& candidates) {
  constexpr std::size_t kMost = 12;
  if (candidates.empty()) return "";
  if (const auto meant = nearest(given, candidates)) return fmt::format("; did you mean '{}'?", *meant);
  const auto end = candidates.begin() + static_cast<std::ptrdiff_t>(std::min(kMost, candidates.size()));
  return fmt::format("; known are {}{}", fmt::join(candidates.begin(), end, ", "),
                     candidates.size() > kMost ? ", …" : "");
}

}  // namespace dagfusion
