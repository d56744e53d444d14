// Variables: ${name} in a scalar becomes what `vars` says of it.
#include <fmt/format.h>

#include <cstdlib>
#include <map>
#include <utility>

#include "graph/document/document.h"
#include "graph/document/home_path.h"
#include "graph/document/number.h"
#include "graph/document/yaml_text.h"

namespace dagfusion {

namespace {

// Variables that use each other twice over double with every line: an end to that.
constexpr std::size_t most_bytes = 4 << 20;

class Substitution {
 public:
  explicit Substitution(const Tree* vars) : vars_(vars) {}

  void in(Tree& tree, std::size_t level) {
    if (tree.is_scalar()) return in_scalar(tree, level);
    count(tree, level);
    for (Tree& item : tree.items) in(item, level + 1);
    for (Entry& entry : tree.entries) in(entry.value, level + 1);
  }

  // The value of a variable, with its own variables replaced.
  const Tree& value(const std::string& name, const Position& where) {
    if (auto done = done_.find(name); done != done_.end()) return done->second;
    const Tree* written = vars_ != nullptr ? vars_->find(name) : nullptr;
    if (written == nullptr) {
      throw UserError(where, fmt::format("unknown variable {}{}", shown(name),
                                         std::getenv(name.c_str())
                                             ? "; those of the environment are not read, and ~/ is the home "
                                               "directory"
                                         : vars_ == nullptr ? "; the file has no section 'vars'"
                                                            : suggestion(name, vars_->keys())));
    }
    std::string chain;
    bool cycle = false;
    for (const std::string& open : open_) {
      cycle = cycle || open == name;
      if (cycle) chain += open + " -> ";
    }
    if (cycle) throw UserError(where, fmt::format("a variable needs itself: vars {}{}", chain, name));
    if (open_.size() == most_levels)
      throw UserError(where, fmt::format("variables use each other over {} deep", most_levels));
    open_.push_back(name);
    Tree result = *written;
    in(result, 1);
    open_.pop_back();
    return done_.emplace(name, std::move(result)).first->second;
  }

 private:
  void count(const Tree& tree, std::size_t level) {
    bytes_ += tree.text.size();
    if (level > most_levels)
      throw UserError(tree.where,
                      fmt::format("variables nest lists and maps over {} levels deep", most_levels));
    if (++values_ > most_values || bytes_ > most_bytes) {
      throw UserError(tree.where,
                      fmt::format("variables make the file grow over {} values or {} bytes; use fewer "
                                  "variables inside variables",
                                  most_values, most_bytes));
    }
  }

  // As if the tree had been written at `where`.
  void move_to(const Position& where, Tree& tree, std::size_t level) {
    tree.where = where;
    count(tree, level);
    for (Tree& item : tree.items) move_to(where, item, level + 1);
    for (Entry& entry : tree.entries) {
      entry.where = where;
      move_to(where, entry.value, level + 1);
    }
  }

  // For messages about a value: which variable gave it, and where that stands.
  static std::string origin_of(const std::string& name, const Position& variable) {
    return fmt::format("the value is that of vars.{}, at {}{}", name, with_text(variable),
                       variable.origin.empty() ? "" : "; " + variable.origin);
  }

  void in_scalar(Tree& tree, std::size_t level) {
    const std::string text = tree.text;
    std::string result;
    for (std::size_t at = 0; at < text.size();) {
      std::size_t mark = text.find("${", at);
      result.append(text, at, mark - at);
      if (mark == std::string::npos) break;
      if (mark > at && text[mark - 1] == '$') {  // "$${" is a literal "${"
        result += '{';
        at = mark + 2;
        continue;
      }
      std::size_t end = text.find('}', mark);
      if (end == std::string::npos) {
        throw UserError(
            tree.where,
            fmt::format("{} opens a variable that is not closed; write ${{name}}, or $${{ for a plain ${{",
                        shown(text)));
      }
      std::string name = text.substr(mark + 2, end - mark - 2);
      const Tree& variable = value(name, tree.where);
      const std::string origin = origin_of(name, variable.where);
      if (mark == 0 && end + 1 == text.size()) {
        Position where = tree.where;
        where.origin = origin;
        tree = variable;
        return move_to(where, tree, level);
      }
      if (!variable.is_scalar()) {
        throw UserError(tree.where,
                        fmt::format("variable '{}' is {} and stands inside the text {}; only a text or "
                                    "number can",
                                    name,
                                    variable.is_list()  ? "a list"
                                    : variable.is_map() ? "a map"
                                                        : "null",
                                    shown(text)));
      }
      result += variable.text;
      tree.where.origin = origin;
      if (result.size() > most_bytes) break;
      at = end + 1;
    }
    tree.text = with_home(result, tree.where);
    count(tree, level);
  }

  const Tree* vars_;
  std::map<std::string, Tree> done_;
  std::vector<std::string> open_;  // the variables whose values are being worked out
  std::size_t values_ = 0, bytes_ = 0;
};

}  // namespace

void substitute_variables(Tree& root) {
  const Tree* vars = std::as_const(root).find("vars");
  if (vars != nullptr && !vars->is_map() && !vars->is_null())
    throw UserError(vars->where, "'vars' is not a map; expected name: value pairs");
  Tree result = root;
  Substitution substitution(vars);
  if (!result.is_map()) substitution.in(result, 0);
  for (Entry& entry : result.entries)  // blocks have variables of their own, and plugins are loaded by now
    if (entry.key != "vars" && entry.key != "blocks" && entry.key != "plugins")
      substitution.in(entry.value, 1);
  if (vars != nullptr) {
    for (Entry& entry : result.find("vars")->entries)
      entry.value = substitution.value(entry.key, entry.value.where);
  }
  root = std::move(result);
}

}  // namespace dagfusion
