#include "graph/types/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "graph/document/number.h"

namespace dagfusion {

namespace {

// Something that must be a scalar, a list or a map, and how it is called:
// "steps", or "multipliers[1]" of an item.
struct Reader {
  const Parameter& declared;
  std::string name;
  const Tree& from;

  [[noreturn]] void refuse(const std::string& what) const {
    throw UserError(from.where, fmt::format("'{}' is {}", name, what));
  }

  void require(Tree::Kind kind, const std::string& wanted) const {
    if (from.kind != kind) refuse(fmt::format("{}; it must be {}", described(from), wanted));
  }

  // A scalar without quotes; in quotes it is a text, whatever it says.
  const std::string& bare(const std::string& wanted, const std::string& kind,
                          bool fits_without_quotes) const {
    require(Tree::Kind::scalar, wanted);
    if (from.quoted && fits_without_quotes)
      refuse(fmt::format("the text '{}'; {} would be {} without quotes", from.text, kind, from.text));
    if (from.quoted) refuse(fmt::format("the text '{}'; it must be {}", from.text, wanted));
    return from.text;
  }

  template <class T>
  T in_range(T value) const {
    const double low = declared.minimum, high = declared.maximum, v = static_cast<double>(value);
    if (v >= low && v <= high && !(declared.above_minimum && v == low)) return value;
    std::string wanted;
    if (declared.above_minimum) {
      wanted = fmt::format("above {}", low);
      if (std::isfinite(high)) wanted += fmt::format(" and at most {}", high);
    } else if (std::isfinite(low) && std::isfinite(high)) {
      wanted = fmt::format("between {} and {}", low, high);
    } else {
      wanted = std::isfinite(low) ? fmt::format("at least {}", low) : fmt::format("at most {}", high);
    }
    refuse(fmt::format("{}; it must be {}", shown(from.text), wanted));
  }

  std::int64_t integer() const {
    const std::string& text = bare("an integer", "an integer", is_integer(from.text));
    if (!is_integer(text)) refuse(shown(text) + "; it must be an integer" + number_hint(text, true));
    std::int64_t value = 0;
    using Limits = std::numeric_limits<std::int64_t>;
    if (!parse(text, value))
      refuse(text[0] == '-' ? fmt::format("{}; it must be at least {}", shown(text), Limits::min())
                            : fmt::format("{}; it must be at most {}", shown(text), Limits::max()));
    return in_range(value);
  }

  double real() const {
    const std::string& text = bare("a number", "a number", is_real(from.text));
    if (is_infinite_or_nan(text)) refuse(text + "; it must be a finite number");
    if (!is_real(text)) refuse(shown(text) + "; it must be a number" + number_hint(text, false));
    double value = 0;
    if (!parse(text, value)) refuse(shown(text) + "; it must be a number that 64 bits can hold");
    return in_range(value);
  }

  bool boolean() const {
    const std::string& text =
        bare("true or false", "a truth value", from.text == "true" || from.text == "false");
    if (text == "true" || text == "false") return text == "true";
    std::string lower = text, hint;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const auto is_one_of = [&](std::initializer_list<const char*> words) {
      return std::find(words.begin(), words.end(), lower) != words.end();
    };
    if (is_one_of({"true", "yes", "on", "y", "1"})) hint = "; did you mean true?";
    if (is_one_of({"false", "no", "off", "n", "0"})) hint = "; did you mean false?";
    refuse(shown(text) + "; it must be true or false" + hint);
  }

  std::string text() const {
    require(Tree::Kind::scalar, declared.wanted);
    return from.text;
  }

  std::string choice() const {
    const auto& known = declared.choices;
    require(Tree::Kind::scalar, fmt::format("one of {}", fmt::join(known, ", ")));
    if (std::find(known.begin(), known.end(), from.text) == known.end())
      refuse(fmt::format("'{}'{}", from.text, suggestion(from.text, known)));
    return from.text;
  }

  template <class T>
  std::vector<T> list(T (Reader::*one)() const) const {
    require(Tree::Kind::list, from.is_scalar() ? fmt::format("a list: [{}]", from.text) : "a list");
    std::vector<T> values;
    for (const Tree& item : from.items)
      values.push_back((Reader{declared, fmt::format("{}[{}]", name, values.size()), item}.*one)());
    return values;
  }
};

}  // namespace

std::string described(const Tree& value) {
  switch (value.kind) {
    case Tree::Kind::null:
      return "empty";
    case Tree::Kind::list:
      return "a list";
    case Tree::Kind::map:
      return "a map";
    case Tree::Kind::scalar:
      break;
  }
  return value.quoted ? "'" + value.text + "'" : shown(value.text);
}

std::vector<std::string> refuse_other_keys(const Tree& map, const std::vector<std::string>& known,
                                           const std::string& owner, std::vector<Fault>& faults) {
  std::vector<std::string> meant;
  for (const Entry& e : map.entries) {
    if (std::find(known.begin(), known.end(), e.key) != known.end()) continue;
    faults.push_back(
        {e.where, fmt::format("{}: unknown key '{}'{}", owner, e.key, suggestion(e.key, known))});
    meant.push_back(nearest(e.key, known).value_or(""));
  }
  return meant;
}

Setting read_value(const Tree& from, const Parameter& declared) {
  const Reader reader{declared, declared.name, from};
  switch (declared.kind) {
    case Kind::integer:
      return reader.integer();
    case Kind::real:
      return reader.real();
    case Kind::boolean:
      return reader.boolean();
    case Kind::text:
      return reader.text();
    case Kind::choice:
      return reader.choice();
    case Kind::integers:
      return reader.list(&Reader::integer);
    case Kind::reals:
      return reader.list(&Reader::real);
    case Kind::texts:
      return reader.list(&Reader::text);
    case Kind::map:
      reader.require(Tree::Kind::map, "a map");
  }
  return {};
}

}  // namespace dagfusion
