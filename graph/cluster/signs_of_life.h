// What the thread of a cluster always does besides: it tells the others that it is there, and listens for those who
// fail or fall silent. Private to graph/cluster.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "graph/cluster/cluster.h"

namespace dagfusion {

// The first rank listens to all others, and they to it.
class SignsOfLife final : public Job {
 public:
  struct Silence {
    int rank;
    double seconds;
  };
  // `silent` is called for each rank as long as its silence goes on.
  SignsOfLife(const Transport&, std::function<void(Silence)> silent);
  bool advance(Transport&) override;  // never done

 private:
  struct Peer {
    int rank;
    std::int64_t heard;  // of the steady clock, nanoseconds
    std::byte sent{1}, received{};
    int sending = -1, receiving = -1;  // requests
  };
  void listen(Transport&, Peer&);
  void tell(Transport&, Peer&);

  std::function<void(Silence)> silent_;
  std::vector<Peer> peers_;
  std::int64_t told_ = 0;
};

// Only on the first rank: messages of those that have failed.
class Failures final : public Job {
 public:
  static constexpr std::size_t kLongest = 4096;
  using Message = std::array<char, kLongest>;  // what is left over is 0
  explicit Failures(std::function<void(int rank, const std::string&)> failed) : failed_(std::move(failed)) {}
  bool advance(Transport&) override;  // never done

 private:
  struct Peer {
    int rank, receiving;
    Message message;
  };
  std::function<void(int, const std::string&)> failed_;
  std::vector<std::unique_ptr<Peer>> peers_;
};

}  // namespace dagfusion
