// Small pictures that are asked for one after the other, decoded several at a time: one way to a confined process and
// back for all of them, which alone would cost a fifth of decoding one.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "nodes/files/decode.h"

namespace dagfusion {

class PicturesInOrder {
 public:
  struct Source {
    std::int64_t count = 0;
    std::function<std::uintmax_t(std::int64_t picture)> bytes;            // of its file, as far as is known
    std::function<std::vector<std::uint8_t>(std::int64_t picture)> read;  // throws without its name
  };
  PicturesInOrder(Source, const Decoding&);

  // On any thread; each picture once, and roughly in order. Throws std::runtime_error without its name.
  Image take(std::int64_t picture, DecodingNotes&);

 private:
  // Neighbours that were asked for together.
  struct Group {
    std::int64_t begin = 0;
    bool is_there = false;
    std::vector<DecodedPicture> pictures;  // empty: none of them could be had
    std::int64_t taken = 0;
  };

  void decode(std::unique_lock<std::mutex>&, std::int64_t number, const std::shared_ptr<Group>&);
  std::vector<DecodedPicture> decoded(std::int64_t begin) const;
  Image alone(std::int64_t picture, DecodingNotes&) const;

  Source source_;
  Decoding decoding_;
  std::mutex mutex_;
  std::condition_variable one_came_;
  std::map<std::int64_t, std::shared_ptr<Group>> groups_;  // by number
};

}  // namespace dagfusion
