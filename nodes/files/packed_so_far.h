// What has come into a packed file, while it is made.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "nodes/files/image_file_writer.h"
#include "nodes/files/pixel_packer.h"

namespace dagfusion {

class PackedSoFar {
 public:
  bool empty() const { return contents.checksums.empty(); }
  std::int64_t images() const { return static_cast<std::int64_t>(contents.checksums.size()); }

  void take(const PackedFacts&);
  void weigh(std::int64_t pixels_of_an_image, std::int64_t channels);  // mean and deviation of all that came
  std::string classes_in_words() const;  // how many images of each; empty where there are no classes

  PackedContents contents;

 private:
  std::array<double, kMostPackedChannels> sums_{}, squares_{};  // of each channel, over all pixels
};

}  // namespace dagfusion
