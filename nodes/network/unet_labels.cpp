#include "nodes/network/unet_labels.h"

#include <fmt/format.h>

#include <charconv>
#include <string>
#include <vector>

namespace dagfusion {

namespace {

constexpr std::int64_t kMostClasses = 65536;

std::int64_t number_of_classes(const Builder& b, const std::string& text) {
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0 || number > kMostClasses)
    b.fail_at("classes",
              fmt::format("'classes' is {}; it must be auto or a number from 0 to {}", text, kMostClasses));
  return number;
}

void keep_names_of_classes(Builder& b, std::int64_t classes) {
  std::vector<std::string> names = b.known_classes();
  if (static_cast<std::int64_t>(names.size()) > classes)
    b.fail_at("classes",
              fmt::format("'classes' is {}, but the images are of {} classes", classes, names.size()));
  while (static_cast<std::int64_t>(names.size()) < classes) names.push_back(std::to_string(names.size()));
  b.keep_classes(std::move(names));
}

}  // namespace

std::int64_t settled_classes(Builder& b) {
  const std::string& asked = b.parameters().text("classes");
  const std::int64_t classes =
      asked == "auto" ? static_cast<std::int64_t>(b.known_classes().size()) : number_of_classes(b, asked);
  if (classes == 0 && asked == "auto")
    b.fail_at("classes", "'classes' is auto, but no data set of this file knows any; say how many there are");
  if (classes == 0 && b.has_input("label"))
    b.fail_at_input("label",
                    "input 'label' is wired, but the model has no classes; 'classes: auto' in its section "
                    "gives it those of the data");
  if (classes == 0) return 0;
  if (b.training() && !b.has_input("label"))
    b.fail_at_input("label",
                    fmt::format("input 'label' is not wired, but the model is trained for {} classes; wire "
                                "the data set's label, by way of drop_label for guidance",
                                classes));
  keep_names_of_classes(b, classes);
  return classes;
}

std::int64_t augment_numbers(const Builder& b) {
  const std::int64_t numbers = b.parameters().integer("augment");
  const bool wired = b.has_input("augment");
  if (numbers == 0 && wired)
    b.fail_at_input("augment", fmt::format("input 'augment' is wired, but the model takes no such label; "
                                           "'augment: {}' in its section lets it",
                                           b.spec(b.input("augment")).shape.back()));
  if (numbers > 0 && b.training() && !wired)
    b.fail_at_input("augment",
                    fmt::format("input 'augment' is not wired, but the model is trained for labels of {} "
                                "numbers, such as those of edm_augment",
                                numbers));
  return numbers;
}

}  // namespace dagfusion
