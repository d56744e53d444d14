// A text of any length from one process to another.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "graph/cluster/cluster.h"

namespace dagfusion {

// Both sides give it the same number, which tells it from others that are under way.
class SendText final : public Job {
 public:
  SendText(int to, std::int64_t number, std::string text)
      : to_(to), number_(number), text_(std::move(text)), length_(text_.size()) {}
  bool advance(Transport&) override;

 private:
  const int to_;
  const std::int64_t number_;
  const std::string text_;
  const std::uint64_t length_;
  Transport::Request sending_length_ = -1, sending_ = -1;
  bool begun_ = false;
};

class ReceiveText final : public Job, public std::enable_shared_from_this<ReceiveText> {
 public:
  ReceiveText(int from, std::int64_t number) : from_(from), number_(number) {}
  // Called in the thread of the cluster, once.
  void when_done(std::function<void()> call) { call_ = std::move(call); }
  const std::string& text() const { return text_; }
  bool advance(Transport&) override;

 private:
  const int from_;
  const std::int64_t number_;
  std::string text_;
  std::uint64_t length_ = 0;
  Transport::Request receiving_ = -1;
  enum class State { begins, length, text } state_ = State::begins;
  std::function<void()> call_;
};

}  // namespace dagfusion
