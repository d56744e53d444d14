// What an unfinished packed file holds, frame by frame, so that packing can go on with it: `path`.part.images, a file
// beside the part. It is written behind the images, and is right as far as the checksums in it are.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "nodes/files/pixel_packer.h"

namespace dagfusion {

struct UnfinishedImage {
  std::int64_t number = 0;  // in the order of the source, where others may have been dropped before it
  std::uint64_t begin = 0;  // of its packed bytes in the part
  PackedFacts facts;
  std::int32_t label = 0;
  std::string name;
};

struct UnfinishedFrame {
  std::int64_t behind = 0;  // images of the source that come with this frame and those before it
  std::vector<UnfinishedImage> images;
};

class UnfinishedImages {
 public:
  UnfinishedImages() = default;
  ~UnfinishedImages() { close(); }
  UnfinishedImages(const UnfinishedImages&) = delete;
  UnfinishedImages& operator=(const UnfinishedImages&) = delete;

  static std::filesystem::path beside(const std::filesystem::path& part) { return part.string() + ".images"; }

  // `conditions`: all that the packed bytes follow from; packing goes on only under the same. An empty list.
  void start(const std::filesystem::path& part, const std::string& conditions);
  // What such a list holds whose images are in the part as they were written; goes on behind the last frame that is
  // kept (keep_first). Nothing when there is none, or it was made under other conditions: `why`.
  std::vector<UnfinishedFrame> take_up(const std::filesystem::path& part, int part_file,
                                       const std::string& conditions, std::string& why);
  // Of those that take_up() gave; all else in the part is zeros afterwards, as if it had never been written.
  void keep_first(std::span<const UnfinishedFrame>, int part_file);
  void add(const UnfinishedFrame&);
  void close();  // what is in it stays
  void remove();

 private:
  void write(const std::string& bytes);
  void clear_all_but(std::span<const UnfinishedFrame>, int part_file) const;
  [[noreturn]] void fail() const;

  std::filesystem::path path_;
  int file_ = -1;
  std::vector<std::uint64_t> ends_;  // of the frames that were taken up, in the list
  std::uint64_t head_ = 0;           // where the first frame begins
};

}  // namespace dagfusion
