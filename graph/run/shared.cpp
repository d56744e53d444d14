#include "graph/run/shared.h"

namespace dagfusion {

void Failure::report(std::int64_t main_ticket, std::string message) {
  const std::lock_guard lock(mutex_);
  if (main_ticket >= ticket_) return;
  message_ = std::move(message);
  ticket_ = main_ticket;
}

void Failure::report_fatal(const char* message) noexcept {
  try {
    report(kOfAll, message);
  } catch (...) {
    report_without_words(kOfAll);
  }
}

void Failure::report_without_words(std::int64_t main_ticket) noexcept {
  const std::lock_guard lock(mutex_);
  if (main_ticket >= ticket_) return;
  message_.clear();
  ticket_ = main_ticket;
}

std::string Failure::message() const {
  const std::lock_guard lock(mutex_);
  return message_.empty() ? what_of(std::bad_alloc()) : message_;
}

}  // namespace dagfusion
