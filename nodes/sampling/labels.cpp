// labels: says which class each image is to be drawn of: those of a list, in turn.
//
//   label[n] = list[number[n] mod length of list]
//
// number: [N], counts the images from 0; label: [N], -1 = no class. A class is named as the data set names it,
// or else by its number; `all` stands for every class in order, `none` for no class. What is called like the
// number of another class is meant by its name.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "graph/types/catalog.h"

namespace dagfusion {
namespace {

class Labels final : public Map {
 public:
  explicit Labels(Setup& setup)
      : names_(setup.classes()), number_(setup.input("number")), label_(setup.output("label")) {
    if (names_.empty()) setup.fail("asks for the classes of the model, which has none");
    const std::vector<std::string>& list = setup.parameters().texts("list");
    for (std::size_t i = 0; i < list.size(); ++i) append(setup, i, list[i]);
    if (list_.empty()) setup.fail_at("list", "'list' is empty; [all] takes every class in turn");
  }

  void forward(Call& call) const override {
    const auto* number = call.in<std::int32_t>(number_);
    auto* label = call.out<std::int32_t>(label_);
    for (int n = 0; n < label_.spec.shape[0]; ++n)
      label[n] = list_[static_cast<std::size_t>(number[n]) % list_.size()];
  }

 private:
  void append(Setup& setup, std::size_t item, const std::string& text) {
    const int count = static_cast<int>(names_.size());
    const auto named = std::find(names_.begin(), names_.end(), text);
    int number = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool is_number =
        error == std::errc() && end == text.data() + text.size() && number >= 0 && number < count;
    if (named != names_.end())
      list_.push_back(static_cast<int>(named - names_.begin()));
    else if (is_number)
      list_.push_back(number);
    else if (text == "none")
      list_.push_back(-1);
    else if (text == "all")
      for (int k = 0; k < count; ++k) list_.push_back(k);
    else
      setup.fail_at(
          "list", item,
          fmt::format("'list' holds {}, which is no class of the model{}", text, suggestion(text, names_)));
  }

  std::vector<std::string> names_;
  std::vector<std::int32_t> list_;
  Input number_;
  Output label_;
};

}  // namespace

NodeType labels() {
  return {.name = "labels",
          .summary = "Says which class each image is to be drawn of: those of a list, in turn.",
          .example = "{type: labels, in: number, list: [3, 7]}",
          .inputs = {{"number", "[N] i32", "number of each image, from 0"}},
          .outputs = {{"label", "[N] i32", "class of each image, -1 = none"}},
          .parameters = {{.name = "list",
                          .kind = Kind::texts,
                          .doc = "classes by name or number, for one image after the other; all = every "
                                 "class, none = no class",
                          .standard = std::vector<std::string>{"all"}}},
          .create = make_node<Labels>};
}

}  // namespace dagfusion
