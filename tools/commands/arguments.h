// What a command takes from its command line. CLI11 reads it;
// only arguments.cpp includes CLI11, which takes long to compile.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class Option;
}

namespace dagfusion {

// One argument or option, for what else is known of it.
class Argument {
 public:
  explicit Argument(CLI::Option* option) : option_(option) {}

  Argument& required();
  Argument& shown_as(const std::string& type);  // in --help: "FILE"
  Argument& shows_default();
  Argument& one_at_a_time();     // `--add a --add b`, never `--add a b`
  Argument& may_lack_a_value();  // `--resume` as well as `--resume RUN`
  Argument& separated_by(char);
  Argument& between(int least, int most);
  Argument& between(double least, double most);
  Argument& among(const std::vector<std::string>&);
  Argument& needs(const Argument&);
  Argument& excludes(const Argument&);

  bool given() const;  // after Arguments::read()
  bool operator==(const Argument&) const = default;

 private:
  CLI::Option* option_;
};

class Arguments {
 public:
  Arguments(const std::string& description, const std::string& name);
  ~Arguments();

  // `name` with dashes is an option, without them an argument by its place; a list takes several values.
  Argument option(const std::string& name, std::string& value, const std::string& doc);
  Argument option(const std::string& name, std::vector<std::string>& values, const std::string& doc);
  Argument option(const std::string& name, std::vector<int>& values, const std::string& doc);
  Argument option(const std::string& name, int& value, const std::string& doc);
  Argument option(const std::string& name, double& value, const std::string& doc);
  Argument flag(const std::string& name, bool& value, const std::string& doc);

  void version(const std::string& text);  // what --version says

  // Nothing: all is read. Else the exit code, after --help or a mistake has been written.
  std::optional<int> read(int argc, char** argv);
  void after_reading(std::function<void()> work) { works_.push_back(std::move(work)); }
  std::vector<Argument> in_order() const;  // after read(): one for each value, as typed
  std::string help() const;
  std::string name() const;

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
  std::vector<std::function<void()>> works_;  // when all is read
};

}  // namespace dagfusion
