#include "tools/commands/arguments.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <type_traits>

#include "graph/document/fault.h"
#include "graph/document/number.h"
#include "tools/commands/command.h"

namespace dagfusion {

Argument& Argument::required() {
  option_->required();
  return *this;
}

Argument& Argument::shown_as(const std::string& type) {
  option_->type_name(type);
  return *this;
}

Argument& Argument::shows_default() {
  option_->capture_default_str();
  return *this;
}

Argument& Argument::one_at_a_time() {
  option_->allow_extra_args(false);
  return *this;
}

Argument& Argument::may_lack_a_value() {
  option_->expected(0, 1);
  return *this;
}

Argument& Argument::separated_by(char mark) {
  option_->delimiter(mark);
  return *this;
}

namespace {

// As CLI::Range in --help, but for the message.
template <class T>
CLI::Validator within(T least, T most) {
  const auto fault = [least, most](const std::string& text) {
    T value{};
    const bool number = std::is_integral_v<T> ? is_integer(text) : is_real(text);
    const bool good = number && parse(text, value) && value >= least && value <= most;
    return good ? std::string()
                : fmt::format("'{}' is not {} from {} to {}", text,
                              std::is_integral_v<T> ? "a whole number" : "a number", least, most);
  };
  return CLI::Validator(fault, CLI::Range(least, most).get_description());
}

}  // namespace

Argument& Argument::between(int least, int most) {
  option_->check(within<std::int64_t>(least, most));
  return *this;
}

Argument& Argument::between(double least, double most) {
  option_->check(within(least, most));
  return *this;
}

Argument& Argument::among(const std::vector<std::string>& values) {
  option_->check(CLI::IsMember(values));
  return *this;
}

Argument& Argument::needs(const Argument& other) {
  option_->needs(other.option_);
  return *this;
}

Argument& Argument::excludes(const Argument& other) {
  option_->excludes(other.option_);
  return *this;
}

bool Argument::given() const { return option_->count() > 0; }

struct Arguments::Parser {
  CLI::App app;
};

Arguments::Arguments(const std::string& description, const std::string& name)
    : parser_(new Parser{CLI::App(description, name)}) {
  parser_->app.footer(exit_codes_text());
}

Arguments::~Arguments() = default;

Argument Arguments::option(const std::string& name, std::string& value, const std::string& doc) {
  return Argument(parser_->app.add_option(name, value, doc));
}

Argument Arguments::option(const std::string& name, std::vector<std::string>& values,
                           const std::string& doc) {
  return Argument(parser_->app.add_option(name, values, doc));
}

Argument Arguments::option(const std::string& name, std::vector<int>& values, const std::string& doc) {
  return Argument(parser_->app.add_option(name, values, doc));
}

Argument Arguments::option(const std::string& name, int& value, const std::string& doc) {
  return Argument(parser_->app.add_option(name, value, doc));
}

Argument Arguments::option(const std::string& name, double& value, const std::string& doc) {
  return Argument(parser_->app.add_option(name, value, doc));
}

Argument Arguments::flag(const std::string& name, bool& value, const std::string& doc) {
  return Argument(parser_->app.add_flag(name, value, doc));
}

void Arguments::version(const std::string& text) {
  parser_->app.set_version_flag("--version", text, "say which version this is");
}

std::optional<int> Arguments::read(int argc, char** argv) {
  try {
    parser_->app.parse(argc, argv);
    for (const std::function<void()>& work : works_) work();
    return std::nullopt;
  } catch (const CLI::ExtrasError&) {
    const std::string first = parser_->app.remaining().front();
    std::vector<std::string> known;
    for (const CLI::Option* option : parser_->app.get_options({}))
      if (!option->get_lnames().empty()) known.push_back("--" + option->get_lnames().front());
    fmt::print(stderr, "command line: unknown option '{}'{}\n", first, suggestion(first, known));
    return kUserError;
  } catch (const CLI::ParseError& e) {
    return parser_->app.exit(e) == 0 ? kDone : kUserError;
  }
}

std::vector<Argument> Arguments::in_order() const {
  std::vector<Argument> typed;
  for (CLI::Option* option : parser_->app.parse_order()) typed.emplace_back(option);
  return typed;
}

std::string Arguments::help() const { return parser_->app.help(); }
std::string Arguments::name() const { return parser_->app.get_name(); }

}  // namespace dagfusion
