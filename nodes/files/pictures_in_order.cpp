#include "nodes/files/pictures_in_order.h"

#include <algorithm>
#include <stdexcept>

namespace dagfusion {
namespace {

constexpr std::int64_t kTogether = 8;
constexpr std::uintmax_t kSmall = 64 << 10;  // bytes of a file for which the way is a large part of the work
constexpr std::int64_t kAhead = 8;           // groups that other threads may begin meanwhile
constexpr std::size_t kMostGroups = 64;      // of which some picture was never asked for

}  // namespace

PicturesInOrder::PicturesInOrder(Source source, const Decoding& decoding)
    : source_(std::move(source)), decoding_(decoding) {}

Image PicturesInOrder::take(std::int64_t picture, DecodingNotes& notes) {
  if (source_.bytes(picture) > kSmall) return alone(picture, notes);
  const std::int64_t number = picture / kTogether;
  std::unique_lock lock(mutex_);
  const auto own = groups_.find(number);
  const bool is_first = own == groups_.end();
  const std::shared_ptr<Group> group =
      is_first ? std::make_shared<Group>(Group{.begin = picture}) : own->second;
  if (is_first) decode(lock, number, group);
  // Another thread is at it: this one goes ahead, and finds its own when it comes back.
  for (std::int64_t next = number + 1; !group->is_there && next <= number + kAhead; ++next) {
    if (next * kTogether >= source_.count) break;
    if (!groups_.contains(next))
      decode(lock, next, std::make_shared<Group>(Group{.begin = next * kTogether}));
  }
  one_came_.wait(lock, [&] { return group->is_there; });
  const std::int64_t place = picture - group->begin;
  if (++group->taken == static_cast<std::int64_t>(group->pictures.size())) groups_.erase(number);
  if (place < 0 || place >= static_cast<std::int64_t>(group->pictures.size()) ||
      group->pictures[static_cast<std::size_t>(place)].has_to_come_alone()) {
    lock.unlock();
    return alone(picture, notes);
  }
  DecodedPicture made = std::move(group->pictures[static_cast<std::size_t>(place)]);
  lock.unlock();
  if (!made.image) throw std::runtime_error(made.wrong);
  notes = made.notes;
  return std::move(*made.image);
}

// Without the lock, which is held before and afterwards.
void PicturesInOrder::decode(std::unique_lock<std::mutex>& lock, std::int64_t number,
                             const std::shared_ptr<Group>& group) {
  if (groups_.size() >= kMostGroups && groups_.begin()->second->is_there) groups_.erase(groups_.begin());
  groups_[number] = group;
  lock.unlock();
  std::vector<DecodedPicture> pictures;
  try {
    pictures = decoded(group->begin);
  } catch (const std::exception&) {  // each is tried alone, and says so itself
  }
  lock.lock();
  group->pictures = std::move(pictures);
  group->is_there = true;
  one_came_.notify_all();
}

std::vector<DecodedPicture> PicturesInOrder::decoded(std::int64_t begin) const {
  const std::int64_t end = std::min((begin / kTogether + 1) * kTogether, source_.count);
  std::vector<DecodedPicture> made(static_cast<std::size_t>(end - begin));
  std::vector<std::vector<std::uint8_t>> files;
  std::vector<std::size_t> places;
  for (std::int64_t picture = begin; picture < end; ++picture) {
    if (source_.bytes(picture) > kSmall) continue;
    const auto place = static_cast<std::size_t>(picture - begin);
    try {
      std::vector<std::uint8_t> file = source_.read(picture);
      if (file.size() > kSmall) continue;  // it has grown
      files.push_back(std::move(file));
      places.push_back(place);
    } catch (const std::runtime_error& error) {
      made[place].wrong = error.what();
    }
  }
  std::vector<DecodedPicture> some = decode_images(files, decoding_);
  for (std::size_t i = 0; i < some.size(); ++i) made[places[i]] = std::move(some[i]);
  return made;
}

Image PicturesInOrder::alone(std::int64_t picture, DecodingNotes& notes) const {
  return decode_image(source_.read(picture), decoding_, &notes);
}

}  // namespace dagfusion
