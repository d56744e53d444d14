// What a data set of pictures tells nodes that take them.
#pragma once

namespace dagfusion {

class GivesPictures {
 public:
  virtual ~GivesPictures() = default;
  virtual int picture_channels() const = 0;  // 1: grey, 3: red, green, blue
};

}  // namespace dagfusion
