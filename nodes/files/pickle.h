// What Python's pickle wrote, read without running anything: numbers, texts, lists, tuples and maps. Where a pickle asks for
// a call, the call is kept as what it says; a name that the reader does not know is refused, and nothing is looked up.
// Format: https://github.com/python/cpython/blob/main/Lib/pickletools.py, protocols 0x80 2 to 5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dagfusion {

class Pickle {
 public:
  enum class Kind : char {
    none,
    boolean,
    integer,
    real,
    text,
    list,
    tuple,
    map,         // items: key, value, key, value, …
    name,        // text: "torch FloatStorage", a module and what of it
    call,        // items: a name, a tuple of arguments; then as of a map, what was put in
    persistent,  // items: what says which object outside of the pickle is meant
  };
  struct Value {
    Kind kind = Kind::none;
    std::int64_t integer = 0;  // of an integer or a boolean
    double real = 0;
    std::string text;
    std::vector<int> items;  // indices, of at()
    int state = -1;          // index of what an object was given after it was made; -1: nothing
  };

  // Reads one pickle at the beginning of `bytes`. `knows` says which names may stand in it.
  // Throws std::runtime_error without a file's name: "holds the name 'os.system', …".
  Pickle(std::span<const std::uint8_t> bytes, const std::function<bool(const std::string&)>& knows);

  const Value& root() const { return at(root_); }
  const Value& at(int index) const { return values_[static_cast<std::size_t>(index)]; }
  const Value& item(const Value& of, std::size_t i) const { return at(of.items.at(i)); }
  bool calls(const Value&, std::string_view name) const;
  std::size_t bytes() const { return at_; }  // that it took

 private:
  static constexpr std::size_t kLongestName = 200;
  static constexpr int kUnset = -1;

  int add(Value);
  int add_integer(std::int64_t);
  int pop();
  Value& top();
  std::vector<int> pop_to_mark();
  void remember(std::size_t number);
  int recalled(std::size_t number) const;
  void step(std::uint8_t opcode);
  bool step_constant(std::uint8_t opcode);
  bool step_container(std::uint8_t opcode);
  bool step_memo(std::uint8_t opcode);
  void step_call(std::uint8_t opcode);
  void put_in(const std::vector<int>& items, bool pairs);
  void add_name(const std::string& module, const std::string& what);
  std::uint64_t little(std::size_t count);
  std::string taken(std::uint64_t count);
  std::string line();
  std::int64_t whole_number(std::uint64_t count);
  double big_endian_real();

  std::span<const std::uint8_t> bytes_;
  const std::function<bool(const std::string&)>& knows_;
  std::size_t at_ = 0;
  std::vector<Value> values_;
  std::vector<int> stack_, memo_;
  std::vector<std::size_t> marks_;
  int root_ = -1;
};

}  // namespace dagfusion
