// What everybody gives, given to everybody.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graph/cluster/cluster.h"

namespace dagfusion {

// One at a time, in the same order on every rank.
class Gather final : public Job {
 public:
  // `late` is called in the thread of the cluster for each rank whose text has not come, as long as that is so.
  using Late = std::function<void(int rank, double seconds)>;
  explicit Gather(std::string mine, Late late = {}) : mine_(std::move(mine)), late_(std::move(late)) {}
  bool advance(Transport&) override;
  std::vector<std::string> take() { return std::move(all_); }  // by rank, when it is done

 private:
  void exchange_lengths(Transport&);
  bool lengths_are_here(Transport&);
  void exchange_texts(Transport&);

  enum class State { begins, lengths, texts } state_ = State::begins;
  std::string mine_;
  Late late_;
  std::int64_t begin_ = 0;  // of the steady clock, nanoseconds
  std::uint64_t length_ = 0;
  std::vector<std::uint64_t> lengths_;
  std::vector<Transport::Request> awaited_;  // by rank; -1: it is here
  std::vector<std::string> all_;
  std::vector<Transport::Request> open_;
};

// Takes those that are done off the list.
void forget_done(Transport&, std::vector<Transport::Request>&);

}  // namespace dagfusion
