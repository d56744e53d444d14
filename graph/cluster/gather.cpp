#include "graph/cluster/gather.h"

#include <span>

#include "graph/cluster/tags.h"
#include "graph/values/clock.h"

namespace dagfusion {

namespace {

std::span<std::byte> bytes_of(std::uint64_t& number) {
  return {reinterpret_cast<std::byte*>(&number), sizeof number};
}
std::span<std::byte> bytes_of(std::string& text) {
  return {reinterpret_cast<std::byte*>(text.data()), text.size()};
}

}  // namespace

void forget_done(Transport& transport, std::vector<Transport::Request>& open) {
  std::erase_if(open, [&](Transport::Request r) { return transport.done(r); });
}

void Gather::exchange_lengths(Transport& transport) {
  begin_ = clock_now();
  length_ = mine_.size();
  lengths_.resize(static_cast<std::size_t>(transport.size()));
  awaited_.resize(lengths_.size(), -1);
  for (int r = 0; r < transport.size(); ++r) {
    if (r == transport.rank()) continue;
    const auto at = static_cast<std::size_t>(r);
    awaited_[at] = transport.receive(r, kGatheredLength, bytes_of(lengths_[at]));
    open_.push_back(transport.send(r, kGatheredLength, bytes_of(length_)));
  }
}

bool Gather::lengths_are_here(Transport& transport) {
  bool all = true;
  for (std::size_t r = 0; r < awaited_.size(); ++r) {
    if (awaited_[r] >= 0 && transport.done(awaited_[r])) awaited_[r] = -1;
    if (awaited_[r] < 0) continue;
    all = false;
    if (late_) late_(static_cast<int>(r), static_cast<double>(clock_now() - begin_) * 1e-9);
  }
  return all;
}

void Gather::exchange_texts(Transport& transport) {
  all_.resize(lengths_.size());
  for (int r = 0; r < transport.size(); ++r) {
    std::string& text = all_[static_cast<std::size_t>(r)];
    if (r == transport.rank()) {
      text = mine_;
      continue;
    }
    text.resize(lengths_[static_cast<std::size_t>(r)]);
    if (!text.empty()) open_.push_back(transport.receive(r, kGathered, bytes_of(text)));
    if (!mine_.empty()) open_.push_back(transport.send(r, kGathered, bytes_of(mine_)));
  }
}

bool Gather::advance(Transport& transport) {
  if (state_ == State::begins) {
    exchange_lengths(transport);
    state_ = State::lengths;
  }
  forget_done(transport, open_);
  if (state_ == State::lengths && !lengths_are_here(transport)) return false;
  if (!open_.empty()) return false;
  if (state_ == State::texts) return true;
  exchange_texts(transport);
  state_ = State::texts;
  return open_.empty();
}

}  // namespace dagfusion
