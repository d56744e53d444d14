#include <fmt/format.h>

#include <stdexcept>

#include "nodes/files/pickle.h"

namespace dagfusion {
namespace {

// One byte each; as pickletools.py calls them.
enum Opcode : std::uint8_t {
  PROTO = 0x80,
  FRAME = 0x95,
  STOP = '.',
  MARK = '(',
  POP = '0',
  POP_MARK = '1',
  DUP = '2',
  NONE = 'N',
  NEWTRUE = 0x88,
  NEWFALSE = 0x89,
  BININT = 'J',
  BININT1 = 'K',
  BININT2 = 'M',
  LONG1 = 0x8A,
  BINFLOAT = 'G',
  BINUNICODE = 'X',
  SHORT_BINUNICODE = 0x8C,
  BINUNICODE8 = 0x8D,
  BINSTRING = 'T',
  SHORT_BINSTRING = 'U',
  BINBYTES = 'B',
  SHORT_BINBYTES = 'C',
  BINBYTES8 = 0x8E,
  BYTEARRAY8 = 0x96,
  EMPTY_LIST = ']',
  EMPTY_TUPLE = ')',
  EMPTY_DICT = '}',
  TUPLE = 't',
  TUPLE1 = 0x85,
  TUPLE2 = 0x86,
  TUPLE3 = 0x87,
  LIST = 'l',
  DICT = 'd',
  APPEND = 'a',
  APPENDS = 'e',
  SETITEM = 's',
  SETITEMS = 'u',
  BINPUT = 'q',
  LONG_BINPUT = 'r',
  MEMOIZE = 0x94,
  BINGET = 'h',
  LONG_BINGET = 'j',
  GLOBAL = 'c',
  STACK_GLOBAL = 0x93,
  REDUCE = 'R',
  NEWOBJ = 0x81,
  BUILD = 'b',
  BINPERSID = 'Q'
};

}  // namespace

Pickle::Pickle(std::span<const std::uint8_t> bytes, const std::function<bool(const std::string&)>& knows)
    : bytes_(bytes), knows_(knows) {
  if (bytes.size() < 2 || bytes[0] != PROTO) throw std::runtime_error("is no pickle of protocol 2 or later");
  for (;;) {
    const auto opcode = static_cast<std::uint8_t>(little(1));
    if (opcode == STOP) break;
    step(opcode);
  }
  root_ = pop();
}

void Pickle::add_name(const std::string& module, const std::string& what) {
  if (!knows_(module + " " + what))
    throw std::runtime_error(fmt::format(
        "holds the name '{}.{}', which is code that loading would run; only tensors, maps, lists, "
        "numbers and texts are read",
        module, what));
  add({.kind = Kind::name, .text = module + " " + what});
}

void Pickle::step(std::uint8_t opcode) {
  if (step_constant(opcode) || step_container(opcode) || step_memo(opcode)) return;
  step_call(opcode);
}

bool Pickle::step_constant(std::uint8_t opcode) {
  const auto add_text = [&](std::size_t width) {
    add({.kind = Kind::text, .text = taken(little(width))});
    return true;
  };
  switch (opcode) {
    case PROTO:
      little(1);
      return true;
    case FRAME:
      little(8);
      return true;
    case NONE:
      add({});
      return true;
    case NEWTRUE:
    case NEWFALSE:
      add({.kind = Kind::boolean, .integer = opcode == NEWTRUE});
      return true;
    case BININT:
      add_integer(whole_number(4));
      return true;
    case BININT1:
      add_integer(static_cast<std::int64_t>(little(1)));
      return true;
    case BININT2:
      add_integer(static_cast<std::int64_t>(little(2)));
      return true;
    case LONG1:
      add_integer(whole_number(little(1)));
      return true;
    case BINFLOAT:
      add({.kind = Kind::real, .real = big_endian_real()});
      return true;
    case SHORT_BINUNICODE:
    case SHORT_BINSTRING:
    case SHORT_BINBYTES:
      return add_text(1);
    case BINUNICODE:
    case BINSTRING:
    case BINBYTES:
      return add_text(4);
    case BINUNICODE8:
    case BINBYTES8:
    case BYTEARRAY8:
      return add_text(8);
    default:
      return false;
  }
}

bool Pickle::step_container(std::uint8_t opcode) {
  const auto of_last = [&](std::size_t count) {
    Value tuple{.kind = Kind::tuple, .items = std::vector<int>(count)};
    for (std::size_t i = count; i-- > 0;) tuple.items[i] = pop();
    add(std::move(tuple));
    return true;
  };
  const auto of_marked = [&](Kind kind) {
    std::vector<int> items = pop_to_mark();
    if (kind == Kind::map && items.size() % 2 != 0)
      throw std::runtime_error("holds a damaged pickle: a key has no value");
    add({.kind = kind, .items = std::move(items)});
    return true;
  };
  switch (opcode) {
    case EMPTY_LIST:
      add({.kind = Kind::list});
      return true;
    case EMPTY_TUPLE:
      add({.kind = Kind::tuple});
      return true;
    case EMPTY_DICT:
      add({.kind = Kind::map});
      return true;
    case TUPLE:
      return of_marked(Kind::tuple);
    case LIST:
      return of_marked(Kind::list);
    case DICT:
      return of_marked(Kind::map);
    case TUPLE1:
      return of_last(1);
    case TUPLE2:
      return of_last(2);
    case TUPLE3:
      return of_last(3);
    case APPEND:
      put_in({pop()}, false);
      return true;
    case APPENDS:
      put_in(pop_to_mark(), false);
      return true;
    case SETITEM: {
      const int value = pop(), key = pop();
      put_in({key, value}, true);
      return true;
    }
    case SETITEMS:
      put_in(pop_to_mark(), true);
      return true;
    default:
      return false;
  }
}

bool Pickle::step_memo(std::uint8_t opcode) {
  const auto recall = [&](std::size_t number) {
    stack_.push_back(recalled(number));
    return true;
  };
  switch (opcode) {
    case MARK:
      marks_.push_back(stack_.size());
      return true;
    case POP:
      pop();
      return true;
    case POP_MARK:
      pop_to_mark();
      return true;
    case DUP: {
      const int value = pop();
      stack_.insert(stack_.end(), 2, value);
      return true;
    }
    case BINPUT:
      remember(little(1));
      return true;
    case LONG_BINPUT:
      remember(little(4));
      return true;
    case MEMOIZE:
      remember(memo_.size());
      return true;
    case BINGET:
      return recall(little(1));
    case LONG_BINGET:
      return recall(little(4));
    default:
      return false;
  }
}

void Pickle::step_call(std::uint8_t opcode) {
  switch (opcode) {
    case GLOBAL: {
      const std::string module = line();
      return add_name(module, line());
    }
    case STACK_GLOBAL: {
      const int what = pop(), module = pop();
      return add_name(at(module).text.substr(0, kLongestName), at(what).text.substr(0, kLongestName));
    }
    case REDUCE:
    case NEWOBJ: {
      const int arguments = pop(), name = pop();
      if (at(name).kind != Kind::name || at(arguments).kind != Kind::tuple)
        throw std::runtime_error("holds a damaged pickle: it calls what is no name");
      add({.kind = Kind::call, .items = {name, arguments}});
      return;
    }
    case BUILD: {  // an array's numbers, or a state dict's versions
      const int state = pop();
      top().state = state;
      return;
    }
    case BINPERSID:
      add({.kind = Kind::persistent, .items = {pop()}});
      return;
    default:
      throw std::runtime_error(
          fmt::format("holds a pickle with the opcode 0x{:02x}, which tensors do not need", opcode));
  }
}

}  // namespace dagfusion
