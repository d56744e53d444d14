// Mistakes of a user: where they stand, what is wrong, what would be right.
// They are gathered and reported together.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace dagfusion {

struct Position {
  std::string file;       // or "command line"
  int line = 0;           // from 1; 0 = none
  int column = 0;         // from 1
  std::string text = {};  // of the command line: what was typed; the column counts in it
  std::string origin =
      {};  // when another place had its part: "the value is that of vars.count, at sample.yaml:3:39"
};

std::string to_string(const Position&);  // "train.yaml:14:31"
std::string with_text(const Position&);  // the same, or "command line run.steps=9"

// missing_file: the pipeline itself is right; a file or a run that it reads is not there, or not yet.
enum class FaultKind { mistake, missing_file };

struct Fault {
  Position where;
  std::string message;  // lower case, no full stop, with the value and what would be right
  FaultKind kind = FaultKind::mistake;
};
bool says_the_same(const Fault&, const Fault&);  // at the same place

// Thrown with one fault by whoever finds it, and with all of them by the checker:
// in the order of the file, and none twice.
class UserError : public std::runtime_error {
 public:
  explicit UserError(std::vector<Fault>);
  UserError(Position, std::string message);
  const std::vector<Fault>& faults() const { return faults_; }
  bool only_misses_files() const;  // and nothing else is wrong

 private:
  std::vector<Fault> faults_;
};

// What the user may have meant; nothing when no candidate is near enough.
std::optional<std::string> nearest(std::string_view given, const std::vector<std::string>& candidates);

// "; did you mean 'learning_rate'?" when a candidate is near enough,
// else "; known are a, b, c" (or "" when there is none).
std::string suggestion(std::string_view given, const std::vector<std::string>& candidates);

}  // namespace dagfusion
