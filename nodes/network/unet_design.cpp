#include "nodes/network/unet_design.h"

#include <fmt/format.h>

#include <algorithm>

#include "nodes/network/groups.h"
#include "nodes/network/unet_labels.h"

namespace dagfusion {

std::int64_t UNetDesign::groups_at(std::int64_t width) const {
  return groups_of(width, groups, style.group_channels);
}

bool attends(const std::vector<std::int64_t>& heights, std::int64_t height) {
  return std::count(heights.begin(), heights.end(), height) != 0;
}

namespace {

// What is asked of a unet, with faults at the place of what cannot be.
class UNetRules {
 public:
  UNetRules(const Builder& builder, const UNetDesign& design, const Shape& images)
      : b_(builder), design_(design), images_(images) {}

  void check() const {
    check_levels();
    check_groups();
    check_sides();
    check_attention();
    check_heads();
  }

  // As `resample` says, where no list says it level by level.
  std::vector<std::string> resampling(const char* key) const {
    const auto changes = static_cast<std::size_t>(std::max<std::int64_t>(0, design_.levels() - 1));
    if (!b_.parameters().has(key)) return std::vector<std::string>(changes, design_.style.resample);
    const std::vector<std::string>& asked = b_.parameters().texts(key);
    if (asked.size() != changes)
      b_.fail_at(key, fmt::format("'{}' holds {} words, but there are {} changes of sides between {} levels",
                                  key, asked.size(), changes, design_.levels()));
    for (std::size_t i = 0; i < asked.size(); ++i)
      if (asked[i] != "conv" && asked[i] != "block" && asked[i] != "pool")
        b_.fail_at(key, i, fmt::format("'{}' holds '{}'; it must be conv, block or pool", key, asked[i]));
    return asked;
  }

 private:
  void check_levels() const {
    if (design_.levels() < 1 || design_.levels() > 8)
      b_.fail_at("multipliers",
                 fmt::format("'multipliers' has {} levels; 1 to 8 would do", design_.levels()));
    if (!design_.middle && b_.parameters().has("middle_groups"))
      b_.fail_at("middle_groups", "'middle_groups' is given, but 'middle' is false: there is no middle");
  }

  void check_groups() const {
    const auto divide = [&](std::int64_t channels, const std::string& whose) {
      const std::int64_t groups = design_.groups_at(channels);
      if (channels % groups != 0)
        b_.fail_at("groups", fmt::format("'groups' is {}, which does not divide the {} channels of {}",
                                         groups, channels, whose));
    };
    divide(design_.channels, "'conv_in'");
    for (std::int64_t i = 0; i < design_.levels(); ++i) divide(design_.width(i), fmt::format("level {}", i));
  }

  void check_sides() const {
    const std::int64_t unit = std::int64_t{1} << (design_.levels() - 1);
    if (images_[2] % unit == 0 && images_[3] % unit == 0) return;
    const auto nearest = [unit](std::int64_t side) {
      return std::max(unit, (side + unit / 2) / unit * unit);
    };
    b_.fail_at(
        "multipliers",
        fmt::format("'multipliers' has {} levels, so height and width must be divisible by {}, "
                    "but 'x' is {}; the nearest right size is {}x{}",
                    design_.levels(), unit, to_string(images_), nearest(images_[2]), nearest(images_[3])));
  }

  void check_attention() const {
    std::vector<std::int64_t> heights;
    for (std::int64_t i = 0; i < design_.levels(); ++i) heights.push_back(images_[2] >> i);
    for (const auto& [key, at] :
         {std::pair{"attention_at", &design_.attention_at}, {"attention_up_at", &design_.attention_up_at}})
      for (std::size_t i = 0; i < at->size(); ++i)
        if (!attends(heights, (*at)[i]))
          b_.fail_at(b_.parameters().has(key) ? key : "attention_at", i,
                     fmt::format("'{}' holds {}, but the levels are {} pixels high", key, (*at)[i],
                                 fmt::join(heights, ", ")));
  }

  void check_heads() const {
    const std::int64_t head_channels = design_.style.head_channels;
    if (head_channels == 0) return;  // attention itself asks whether the heads divide its channels
    const auto divides = [&](std::int64_t level) {
      if (design_.width(level) % head_channels != 0)
        b_.fail_at("head_channels",
                   fmt::format("'head_channels' is {}, which does not divide the {} channels of level {}",
                               head_channels, design_.width(level), level));
    };
    for (std::int64_t i = 0; i < design_.levels(); ++i)
      if (attends(design_.attention_at, images_[2] >> i) || attends(design_.attention_up_at, images_[2] >> i))
        divides(i);
    if (design_.has_middle_attention()) divides(design_.levels() - 1);
  }

  const Builder& b_;
  const UNetDesign& design_;
  const Shape& images_;
};

}  // namespace

UNetDesign unet_design(Builder& b, const Shape& images) {
  const Parameters& asked = b.parameters();
  UNetDesign design{
      .channels = asked.integer("channels"),
      .widths = unet_widths(asked),
      .blocks = asked.integer("blocks"),
      .groups = asked.integer("groups"),
      .attention_at = asked.integers("attention_at"),
      .attention_up_at = asked.integers(asked.has("attention_up_at") ? "attention_up_at" : "attention_at"),
      .activation = asked.text("activation"),
      .style = asked_style(asked),
      .resample_down = {},
      .resample_up = {},
      .middle = asked.flag("middle"),
      .middle_attention = asked.text("middle_attention")};
  const UNetRules rules(b, design, images);
  design.resample_down = rules.resampling("resample_down");
  design.resample_up = rules.resampling("resample_up");
  rules.check();
  design.classes = settled_classes(b);
  design.augment = augment_numbers(b);
  return design;
}

}  // namespace dagfusion
