// What everybody gives, given to everybody.
#pragma once

#include <string>
#include <vector>

#include "graph/cluster/cluster.h"

namespace dagfusion {

// One at a time, in the same order on every rank.
class Gather final : public Job {
 public:
  explicit Gather(std::string mine) : mine_(std::move(mine)) {}
  bool advance(Transport&) override;
  std::vector<std::string> take() { return std::move(all_); }  // by rank, when it is done

 private:
  void exchange_lengths(Transport&);
  void exchange_texts(Transport&);

  enum class State { begins, lengths, texts } state_ = State::begins;
  std::string mine_;
  std::uint64_t length_ = 0;
  std::vector<std::uint64_t> lengths_;
  std::vector<std::string> all_;
  std::vector<Transport::Request> open_;
};

// Takes those that are done off the list.
void forget_done(Transport&, std::vector<Transport::Request>&);

}  // namespace dagfusion
