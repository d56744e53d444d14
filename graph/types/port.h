// Ports: what goes in and out of a node, declared as text and read once: "[N,C,H,W] act blocked".
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graph/values/tensor.h"

namespace dagfusion {

struct Port {
  std::string name;
  // Shape, dtype, layout. Letters bind to the sides of what is wired ("[N,C,H,W]"),
  // numbers stand for themselves, "..." for any further sides ("[N,...]"), "[]" is a scalar.
  // dtype: u8 u16 i32 f32 images, `act` = what run.precision says, `float` = f32 or bf16
  // as the first such input, `any`. Layout: nothing = plain; `blocked` = channel-blocked;
  // `first` = that, but plain and f32 up to kMostPlainChannels (for first layers);
  // `free` = as the first free input.
  std::string spec;
  std::string doc;
  bool optional = false;
};

// A port's name that stands for any number of inputs, named by the user.
inline constexpr const char* kAnyName = "*";

struct PortSpec {
  std::vector<std::string> sides;  // letters, numbers, "..."
  std::string dtype;
  std::string layout;  // "", "blocked", "first", "free"
};

PortSpec parse_port(const std::string& spec);

// Channels up to which an input of layout `first` stays plain:
// images have no more, and blocks would hold mostly filling.
inline constexpr std::int64_t kMostPlainChannels = 4;

// Whether a value of this shape stays plain and f32 at a port of layout `first`.
bool stays_plain(const PortSpec& spec, const Shape& shape);

// The letters of one node, bound as its inputs are looked at.
class Sides {
 public:
  // Fits `shape` to the port: returns what is wrong, or nothing.
  std::optional<std::string> bind(const Port& port, const PortSpec& spec, const Shape& shape);
  // The shape a port has now; nothing while a letter of it is unbound.
  std::optional<Shape> shape(const PortSpec& spec) const;
  void set(const std::string& letter, std::int64_t value, const std::string& source);

 private:
  struct Bound {
    std::int64_t value;
    std::string source;  // "input 'x0' is [8,3,32,32]"
  };
  std::map<std::string, Bound> letters_;
  std::optional<Shape> rest_;
  std::string rest_source_;
};

}  // namespace dagfusion
