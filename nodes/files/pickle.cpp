// The values of a pickle, its stack and memo; what each opcode does to them is in pickle_opcodes.cpp.
#include "nodes/files/pickle.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace dagfusion {
namespace {

constexpr std::size_t kMostValues = 4'000'000;  // about 300 MB of them

}  // namespace

bool Pickle::calls(const Value& value, std::string_view name) const {
  return value.kind == Kind::call && item(value, 0).text == name;
}

int Pickle::add(Value value) {
  if (values_.size() >= kMostValues)
    throw std::runtime_error(fmt::format("holds a pickle of more than {} values", kMostValues));
  values_.push_back(std::move(value));
  stack_.push_back(static_cast<int>(values_.size()) - 1);
  return stack_.back();
}

int Pickle::add_integer(std::int64_t number) { return add({.kind = Kind::integer, .integer = number}); }

int Pickle::pop() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back()))
    throw std::runtime_error("holds a damaged pickle: it takes a value that is not there");
  const int value = stack_.back();
  stack_.pop_back();
  return value;
}

Pickle::Value& Pickle::top() {
  const int value = pop();
  stack_.push_back(value);
  return values_[static_cast<std::size_t>(value)];
}

std::vector<int> Pickle::pop_to_mark() {
  if (marks_.empty()) throw std::runtime_error("holds a damaged pickle: it takes a mark that is not there");
  const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<int> items(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  marks_.pop_back();
  return items;
}

std::uint64_t Pickle::little(std::size_t count) {
  if (count > bytes_.size() - at_)
    throw std::runtime_error("holds a pickle that is cut short, or larger than is read");
  std::uint64_t value = 0;
  for (std::size_t i = count; i-- > 0;) value = value << 8 | bytes_[at_ + i];
  at_ += count;
  return value;
}

std::string Pickle::taken(std::uint64_t count) {
  if (count > bytes_.size() - at_)
    throw std::runtime_error(fmt::format("holds a damaged pickle: a text says that it has {} bytes", count));
  const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(at_);
  at_ += count;
  return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

std::string Pickle::line() {
  const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(at_);
  const auto end = begin + static_cast<std::ptrdiff_t>(std::min(kLongestName, bytes_.size() - at_));
  const auto newline = std::find(begin, end, '\n');
  if (newline == end) throw std::runtime_error("holds a damaged pickle: a name does not end");
  at_ += static_cast<std::size_t>(newline - begin) + 1;
  return {begin, newline};
}

// Two's complement. Numbers beyond 64 bits are of no use here, and become the largest there is.
std::int64_t Pickle::whole_number(std::uint64_t count) {
  if (count > 8) {
    taken(count);
    return INT64_MAX;
  }
  const std::uint64_t bits = little(count);
  const int unused = 64 - 8 * static_cast<int>(count);
  return count == 0 ? 0 : static_cast<std::int64_t>(bits << unused) >> unused;
}

double Pickle::big_endian_real() { return std::bit_cast<double>(__builtin_bswap64(little(8))); }

void Pickle::put_in(const std::vector<int>& items, bool pairs) {
  Value& into = top();
  const bool fits = pairs ? into.kind == Kind::map || into.kind == Kind::call : into.kind == Kind::list;
  if (!fits || (pairs && items.size() % 2 != 0))
    throw std::runtime_error("holds a damaged pickle: it puts values into what is no list or map");
  into.items.insert(into.items.end(), items.begin(), items.end());
}

void Pickle::remember(std::size_t number) {
  if (number > bytes_.size())  // at least one byte each
    throw std::runtime_error("holds a damaged pickle: it remembers more values than it has");
  const int value = pop();
  stack_.push_back(value);
  if (memo_.size() <= number) memo_.resize(number + 1, kUnset);
  memo_[number] = value;
}

int Pickle::recalled(std::size_t number) const {
  if (number >= memo_.size() || memo_[number] == kUnset)
    throw std::runtime_error("holds a damaged pickle: it recalls a value that it has not remembered");
  return memo_[number];
}

}  // namespace dagfusion
