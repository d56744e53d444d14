// Parameters of a node type or of a section:
// declared once, read from YAML, checked against kind, range and choices.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "graph/document/document.h"
#include "graph/values/unset.h"

namespace dagfusion {

enum class Kind { integer, real, boolean, text, choice, integers, reals, texts, map };

std::string_view name_of(Kind);

using Setting = std::variant<Unset, std::int64_t, double, bool, std::string, std::vector<std::int64_t>,
                             std::vector<double>, std::vector<std::string>>;

std::string to_string(const Setting&);  // as it would stand in YAML

struct Parameter {
  std::string name;
  Kind kind = Kind::integer;
  std::string doc;
  Setting standard = {};  // the default; unset = none
  bool required = false;
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  bool above_minimum = false;             // minimum itself is outside
  std::vector<std::string> choices = {};  // of a text: words that stand for a number, which it is otherwise
  std::string wanted = "a text";          // of a text, for messages: what it must be
};

// The values of one node or section, after the checks.
class Parameters {
 public:
  Parameters() = default;

  // Reads every declared parameter out of `from` (a map, or null for none).
  // Keys in `others` are somebody else's; any other key is a fault.
  // `owner` opens every message: "node 'adam' (adam)", "section 'diffusion'".
  static Parameters read(const Tree& from, const std::vector<Parameter>& declared,
                         const std::vector<std::string>& others, const std::string& owner,
                         std::vector<Fault>& faults);
  // For a node made by a composite: settings given by program, checked in the same way.
  static Parameters make(const std::map<std::string, Setting>& given, const std::vector<Parameter>& declared,
                         const std::string& owner, Position where, std::vector<Fault>& faults);

  std::int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  bool flag(std::string_view name) const;
  const std::string& text(std::string_view name) const;  // text and choice
  const std::vector<std::int64_t>& integers(std::string_view name) const;
  const std::vector<double>& reals(std::string_view name) const;
  const std::vector<std::string>& texts(std::string_view name) const;
  const Tree& tree(std::string_view name) const;  // a map, as written
  bool has(std::string_view name) const;          // given, or with a default
  const Setting& setting(std::string_view name) const;

  // What was written for `name` and stands for `value`; null when something else does.
  const Tree* written(std::string_view name, const Setting& value) const;

  // "owner: message", at the value of `name` when it was written, else at the owner.
  Fault fault(std::string_view name, const std::string& message) const;
  // "owner: message", at the value of `name` when it was written, else at the owner; of a list, at one item.
  [[noreturn]] void fail(std::string_view name, const std::string& message) const;
  [[noreturn]] void fail(std::string_view name, std::size_t item, const std::string& message) const;
  [[noreturn]] void fail(const std::string& message) const;

  const std::string& owner() const { return owner_; }
  const Position& where() const { return where_; }

 private:
  struct Held {
    Setting value;
    Tree tree;  // as written; null when it was not
    Position where;
  };
  const Held& held(std::string_view name) const;

  std::string owner_;
  Position where_;
  std::map<std::string, Held, std::less<>> values_;
};

}  // namespace dagfusion
