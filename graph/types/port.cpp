#include "graph/types/port.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <sstream>
#include <stdexcept>

namespace dagfusion {

namespace {

constexpr const char* kRest = "...";

bool is_number(const std::string& side) {
  return !side.empty() && side[0] != '0' && side.size() <= 9 &&
         std::all_of(side.begin(), side.end(), [](unsigned char c) { return std::isdigit(c); });
}

bool is_letter(const std::string& side) {
  return !side.empty() && std::isalpha(static_cast<unsigned char>(side[0])) &&
         std::all_of(side.begin(), side.end(), [](unsigned char c) { return std::isalnum(c); });
}

std::int64_t number_of(const std::string& side) {
  std::int64_t number = 0;
  std::from_chars(side.data(), side.data() + side.size(), number);
  return number;
}

bool open_ended(const PortSpec& spec) { return !spec.sides.empty() && spec.sides.back() == kRest; }

std::string shape_text(const PortSpec& spec) { return fmt::format("[{}]", fmt::join(spec.sides, ",")); }

// "[N,C,H,W], 4 sides"
std::string wanted_text(const PortSpec& spec, bool open, std::size_t fixed) {
  if (spec.sides.empty()) return "a single number";
  return fmt::format("{}, {}{} side{}", shape_text(spec), open ? "at least " : "", fixed,
                     fixed == 1 ? "" : "s");
}

// "N,C,..." -> its sides; refuses what is neither letter nor number, and "..." anywhere but at the end.
std::vector<std::string> parse_sides(const std::string& inside, const std::string& whole) {
  std::vector<std::string> sides;
  if (inside.empty()) return sides;
  std::istringstream list(inside + ",");
  for (std::string side; std::getline(list, side, ',');) {
    if (!sides.empty() && sides.back() == kRest)
      throw std::logic_error("port '" + whole + "': '...' stands at the end");
    if (side != kRest && !is_number(side) && !is_letter(side))
      throw std::logic_error("port '" + whole + "': a side is a letter, a number or '...', not '" + side +
                             "'");
    sides.push_back(side);
  }
  return sides;
}

}  // namespace

PortSpec parse_port(const std::string& spec) {
  const std::size_t end = spec.find(']');
  if (spec.empty() || spec[0] != '[' || end == std::string::npos)
    throw std::logic_error("port '" + spec + "': it opens with a shape, like '[N,C,H,W] f32'");
  PortSpec port{.sides = parse_sides(spec.substr(1, end - 1), spec)};

  std::istringstream words(spec.substr(end + 1));
  std::string more;
  words >> port.dtype >> port.layout >> more;
  static const std::vector<std::string> kDtypes = {"u8",     "u16", "i32",   "f32",
                                                   "images", "act", "float", "any"};
  if (std::find(kDtypes.begin(), kDtypes.end(), port.dtype) == kDtypes.end())
    throw std::logic_error("port '" + spec + "': the dtype is one of " +
                           fmt::format("{}", fmt::join(kDtypes, ", ")));
  if (!port.layout.empty() && port.layout != "blocked" && port.layout != "first" && port.layout != "free")
    throw std::logic_error("port '" + spec + "': the layout is nothing, 'blocked', 'first' or 'free'");
  if (!more.empty()) throw std::logic_error("port '" + spec + "': nothing follows the layout");
  if ((port.layout == "blocked" || port.layout == "first") && !open_ended(port) && port.sides.size() != 4)
    throw std::logic_error("port '" + spec + "': only 4-dimensional values are blocked");
  return port;
}

bool stays_plain(const PortSpec& spec, const Shape& shape) {
  return spec.layout == "first" && shape.size() == 4 && shape[1] <= kMostPlainChannels;
}

std::optional<std::string> Sides::bind(const Port& port, const PortSpec& spec, const Shape& shape) {
  const bool open = open_ended(spec);
  const std::size_t fixed = spec.sides.size() - (open ? 1 : 0);
  if (open ? shape.size() < fixed : shape.size() != fixed)
    return fmt::format("is {}, but takes {}", to_string(shape), wanted_text(spec, open, fixed));

  const std::string source = fmt::format("input '{}' is {}", port.name, to_string(shape));
  std::map<std::string, Bound> letters = letters_;  // a port that does not fit leaves nothing behind
  for (std::size_t i = 0; i < fixed; ++i) {
    const std::string& side = spec.sides[i];
    if (is_number(side)) {
      if (shape[i] != number_of(side))
        return fmt::format("is {}, but takes {}: side {} must be {}", to_string(shape), shape_text(spec),
                           i + 1, side);
      continue;
    }
    const auto [bound, fresh] = letters.try_emplace(side, Bound{shape[i], source});
    if (!fresh && bound->second.value != shape[i] && bound->second.source == source)
      return fmt::format("is {}, but takes {}: the sides {} must be equal", to_string(shape),
                         shape_text(spec), side);
    if (!fresh && bound->second.value != shape[i])
      return fmt::format("is {}, but {}: {} must be {}", to_string(shape), bound->second.source, side,
                         bound->second.value);
  }
  if (open) {
    Shape rest(shape.begin() + static_cast<std::ptrdiff_t>(fixed), shape.end());
    if (rest_ && *rest_ != rest)
      return fmt::format("is {}, but {}: the sides from number {} on must agree", to_string(shape),
                         rest_source_, fixed + 1);
    if (!rest_) {
      rest_ = std::move(rest);
      rest_source_ = source;
    }
  }
  letters_ = std::move(letters);
  return std::nullopt;
}

std::optional<Shape> Sides::shape(const PortSpec& spec) const {
  Shape shape;
  for (const std::string& side : spec.sides) {
    if (side == kRest) {
      if (!rest_) return std::nullopt;
      shape.insert(shape.end(), rest_->begin(), rest_->end());
    } else if (is_number(side)) {
      shape.push_back(number_of(side));
    } else {
      const auto bound = letters_.find(side);
      if (bound == letters_.end()) return std::nullopt;
      shape.push_back(bound->second.value);
    }
  }
  return shape;
}

void Sides::set(const std::string& letter, std::int64_t value, const std::string& source) {
  letters_.insert_or_assign(letter, Bound{value, fmt::format("{} is {}", source, value)});
}

}  // namespace dagfusion
