// Which images of a data set are read: a part split off by the hash of their names, some classes, evened out, a number.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "graph/types/setup.h"

namespace dagfusion {

// What a data set knows of its images.
struct SelectableImages {
  std::int64_t count = 0;
  std::function<std::int32_t(std::int64_t)> label = {};  // -1: none; empty: it knows no classes
  std::function<std::string(std::int64_t)> name = {};    // empty: they have none
  std::vector<std::string> classes = {};
};

class Selection {
 public:
  // `own`, and behind them split, validation, only, balance, most: the parameters of a data set that can be selected from.
  static std::vector<Parameter> parameters_behind(std::vector<Parameter> own);

  Selection() = default;
  // A fault where nothing is left, or a class is not there.
  Selection(Setup&, const SelectableImages&);

  std::int64_t size() const { return all_ ? count_ : static_cast<std::int64_t>(chosen_.size()); }
  // The image that stands at that place.
  std::int64_t operator[](std::int64_t place) const {
    return all_ ? place : chosen_[static_cast<std::size_t>(place)];
  }
  std::string fingerprint() const;  // to be put behind that of the data set; empty when all are read

 private:
  void split(const std::string& part, double validation, const SelectableImages&);
  void take_only(Setup&, const SelectableImages&);
  void even_out(bool repeat, const SelectableImages&);
  void thin_out(std::int64_t most);

  bool all_ = true;
  std::int64_t count_ = 0;
  std::vector<std::int64_t> chosen_;
};

}  // namespace dagfusion
