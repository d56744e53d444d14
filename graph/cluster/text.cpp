#include "graph/cluster/text.h"

#include "graph/cluster/tags.h"

namespace dagfusion {

namespace {

int tag_of(std::int64_t number) { return kFirstText + 2 * static_cast<int>(number % kTextsAtOnce); }

}  // namespace

bool SendText::advance(Transport& transport) {
  if (!begun_) {
    begun_ = true;
    sending_length_ = transport.send(to_, tag_of(number_), std::as_bytes(std::span(&length_, 1)));
    if (length_ > 0) sending_ = transport.send(to_, tag_of(number_) + 1, std::as_bytes(std::span(text_)));
  }
  if (sending_length_ >= 0 && transport.done(sending_length_)) sending_length_ = -1;
  if (sending_ >= 0 && transport.done(sending_)) sending_ = -1;
  return sending_length_ < 0 && sending_ < 0;
}

bool ReceiveText::advance(Transport& transport) {
  if (state_ == State::begins) {
    receiving_ = transport.receive(from_, tag_of(number_), std::as_writable_bytes(std::span(&length_, 1)));
    state_ = State::length;
  }
  if (!transport.done(receiving_)) return false;
  if (state_ == State::length && length_ > 0) {
    text_.resize(length_);
    receiving_ = transport.receive(from_, tag_of(number_) + 1, std::as_writable_bytes(std::span(text_)));
    state_ = State::text;
    return false;
  }
  if (call_) call_();
  return true;
}

}  // namespace dagfusion
