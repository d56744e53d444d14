#include "graph/cluster/gather.h"

#include <span>

#include "graph/cluster/tags.h"

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
  length_ = mine_.size();
  lengths_.resize(static_cast<std::size_t>(transport.size()));
  for (int r = 0; r < transport.size(); ++r) {
    if (r == transport.rank()) continue;
    open_.push_back(transport.receive(r, kGatheredLength, bytes_of(lengths_[static_cast<std::size_t>(r)])));
    open_.push_back(transport.send(r, kGatheredLength, bytes_of(length_)));
  }
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
  if (!open_.empty()) return false;
  if (state_ == State::texts) return true;
  exchange_texts(transport);
  state_ = State::texts;
  return open_.empty();
}

}  // namespace dagfusion
