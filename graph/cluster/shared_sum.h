// One stretch of gradients, added up over all processes in the fixed tree of their groups (groups.h), and the whole
// sum given to everybody.
//
// Each process owns an even share of the stretch: it gets everybody's part of its share, adds them up, and sends
// the sum to all. Every element is added once, by one process, in one order.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/cluster/cluster.h"
#include "graph/cluster/exchanged.h"
#include "graph/cluster/groups.h"
#include "graph/values/weights.h"

namespace dagfusion {

class SharedSum final : public Job {
 public:
  // `mine`: the sums of this process's subtrees, in their order; the first of them becomes the whole sum.
  // `number` tells it from the others that are under way.
  SharedSum(int rank, int size, int groups, int number, std::vector<float*> mine, std::size_t floats);
  void seen_by(SeesExchange sees) { sees_ = std::move(sees); }  // in the thread of the cluster
  bool advance(Transport&) override;
  std::uint64_t bytes_sent() const;  // each time
  int messages_sent() const;
  std::uint64_t room() const;  // bytes for what comes from the others

 private:
  struct Share {
    std::size_t begin = 0, end = 0;  // in floats
    std::size_t count() const { return end - begin; }
  };
  Share share_of(int rank) const;
  std::size_t others_parts() const;
  void begin(Transport&);
  void sum_and_send(Transport&);
  void saw(Exchanged::Kind, const char* what, std::int64_t begin, std::int64_t end) const;
  void send_parts(Transport&);
  void add_up();
  void send_whole(Transport&);
  void receive_whole(Transport&);

  enum class State { begins, parts, whole } state_ = State::begins;
  const int rank_, size_, groups_, number_;
  const std::vector<float*> mine_;
  const std::size_t floats_;
  std::vector<std::vector<Subtree>> subtrees_;  // by rank
  Buffer received_;                             // everybody else's parts of this process's share
  std::vector<Transport::Request> parts_in_, whole_;
  std::vector<std::vector<Transport::Request>> parts_out_;  // by rank
  std::vector<bool> whole_awaited_;                         // by rank
  SeesExchange sees_;
  std::int64_t waits_since_ = 0;  // nanoseconds of the steady clock
};

}  // namespace dagfusion
