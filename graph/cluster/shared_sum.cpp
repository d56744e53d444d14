#include "graph/cluster/shared_sum.h"

#include <cstring>
#include <utility>

#include "graph/cluster/gather.h"
#include "graph/cluster/tags.h"
#include "graph/values/add.h"
#include "graph/values/clock.h"

namespace dagfusion {

namespace {

constexpr std::size_t kLine = 16;  // floats of a cache line: borders of shares lie between two of them

std::span<std::byte> bytes_of(float* values, std::size_t count) {
  return {reinterpret_cast<std::byte*>(values), count * sizeof(float)};
}

void add_to(float* sum, const float* part, std::size_t count) { add(sum, part, sum, count); }

}  // namespace

SharedSum::SharedSum(int rank, int size, int groups, int number, std::vector<float*> mine, std::size_t floats)
    : rank_(rank),
      size_(size),
      groups_(groups),
      number_(number),
      mine_(std::move(mine)),
      floats_(floats),
      parts_out_(static_cast<std::size_t>(size)),
      whole_awaited_(static_cast<std::size_t>(size)) {
  for (int r = 0; r < size_; ++r) subtrees_.push_back(subtrees_of(groups_of(r, size_, groups_)));
}

SharedSum::Share SharedSum::share_of(int rank) const {
  const std::size_t lines = (floats_ + kLine - 1) / kLine;
  const auto border = [&](int r) {
    return std::min(floats_, kLine * (lines * static_cast<std::size_t>(r) / static_cast<std::size_t>(size_)));
  };
  return {border(rank), rank + 1 == size_ ? floats_ : border(rank + 1)};
}

std::uint64_t SharedSum::bytes_sent() const {
  const std::size_t own = share_of(rank_).count();
  const std::size_t others = static_cast<std::size_t>(size_ - 1);
  return sizeof(float) * ((floats_ - own) * mine_.size() + own * others);
}

int SharedSum::messages_sent() const { return (size_ - 1) * static_cast<int>(mine_.size() + 1); }

std::size_t SharedSum::others_parts() const {
  std::size_t others = 0;
  for (int r = 0; r < size_; ++r)
    if (r != rank_) others += subtrees_[static_cast<std::size_t>(r)].size();
  return others;
}

std::uint64_t SharedSum::room() const { return others_parts() * share_of(rank_).count() * sizeof(float); }

void SharedSum::send_parts(Transport& transport) {
  const Share own = share_of(rank_);
  if (received_.size() == 0) received_ = Buffer(room());
  float* place = received_.as<float>().data();
  for (int r = 0; r < size_; ++r) {
    if (r == rank_) continue;
    const auto at = static_cast<std::size_t>(r);
    if (own.count() > 0)
      for (std::size_t s = 0; s < subtrees_[at].size(); ++s, place += own.count())
        parts_in_.push_back(transport.receive(r, kFirstSum + 2 * number_, bytes_of(place, own.count())));
    const Share theirs = share_of(r);
    if (theirs.count() > 0)
      for (float* sum : mine_)
        parts_out_[at].push_back(
            transport.send(r, kFirstSum + 2 * number_, bytes_of(sum + theirs.begin, theirs.count())));
  }
}

// As one process would: each subtree in its turn, neighbours joined as soon as both are there.
void SharedSum::add_up() {
  const Share own = share_of(rank_);
  if (own.count() == 0) return;  // fewer blocks than ranks
  float* place = received_.as<float>().data();
  GroupTree tree;
  std::vector<float*> sums;
  for (int r = 0; r < size_; ++r) {
    const std::vector<Subtree>& theirs = subtrees_[static_cast<std::size_t>(r)];
    for (std::size_t s = 0; s < theirs.size(); ++s) {
      sums.push_back(r == rank_ ? mine_[s] + own.begin : std::exchange(place, place + own.count()));
      for (int joins = tree.add(theirs[s]); joins > 0; --joins) {
        add_to(sums[sums.size() - 2], sums.back(), own.count());
        sums.pop_back();
      }
    }
  }
  if (float* whole = mine_.front() + own.begin; sums.front() != whole)
    std::memcpy(whole, sums.front(), own.count() * sizeof(float));
}

void SharedSum::send_whole(Transport& transport) {
  const Share own = share_of(rank_);
  if (own.count() == 0) return;
  for (int r = 0; r < size_; ++r)
    if (r != rank_)
      whole_.push_back(
          transport.send(r, kFirstSum + 2 * number_ + 1, bytes_of(mine_.front() + own.begin, own.count())));
}

// Into the place from which the parts of that share are sent, so behind that.
void SharedSum::receive_whole(Transport& transport) {
  for (int r = 0; r < size_; ++r) {
    const auto at = static_cast<std::size_t>(r);
    forget_done(transport, parts_out_[at]);
    const Share theirs = share_of(r);
    if (r == rank_ || whole_awaited_[at] || theirs.count() == 0 || !parts_out_[at].empty()) continue;
    whole_.push_back(transport.receive(r, kFirstSum + 2 * number_ + 1,
                                       bytes_of(mine_.front() + theirs.begin, theirs.count())));
    whole_awaited_[at] = true;
  }
}

void SharedSum::saw(Exchanged::Kind kind, const char* what, std::int64_t begin, std::int64_t end) const {
  if (sees_) sees_({kind, what, number_, begin, end});
}

void SharedSum::begin(Transport& transport) {
  const std::int64_t now = clock_now();
  send_parts(transport);
  std::fill(whole_awaited_.begin(), whole_awaited_.end(), false);
  state_ = State::parts;
  waits_since_ = clock_now();
  saw(Exchanged::Kind::work, "send gradients", now, waits_since_);
}

void SharedSum::sum_and_send(Transport& transport) {
  const std::int64_t here = clock_now();
  saw(Exchanged::Kind::wait, "wait for gradients", waits_since_, here);
  add_up();
  const std::int64_t added = clock_now();
  saw(Exchanged::Kind::work, "sum", here, added);
  send_whole(transport);
  state_ = State::whole;
  waits_since_ = clock_now();
  saw(Exchanged::Kind::work, "send sums", added, waits_since_);
}

bool SharedSum::advance(Transport& transport) {
  if (state_ == State::begins) begin(transport);
  receive_whole(transport);
  forget_done(transport, parts_in_);
  if (state_ == State::parts) {
    if (!parts_in_.empty()) return false;
    sum_and_send(transport);
  }
  forget_done(transport, whole_);
  if (!whole_.empty()) return false;
  for (int r = 0; r < size_; ++r)
    if (const auto at = static_cast<std::size_t>(r);
        r != rank_ && (!parts_out_[at].empty() || (share_of(r).count() > 0 && !whole_awaited_[at])))
      return false;
  saw(Exchanged::Kind::wait, "wait for sums", waits_since_, clock_now());
  state_ = State::begins;
  return true;
}

}  // namespace dagfusion
