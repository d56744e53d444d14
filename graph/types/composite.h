// A composite stands for a sub-graph. Its expand function is written like the network itself: add() makes a
// node, checks it at once and returns the wire it puts out, whose shape can be asked for.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "graph/types/parameter.h"
#include "graph/values/tensor.h"

namespace dagfusion {

// One output of one node. A wire of a node that had a fault is broken;
// nodes wired to it are passed over in silence.
struct Wire {
  int node = -1;  // -1: broken
  int output = 0;
};

inline constexpr Wire kNoWire{-2, 0};  // an optional input that is not wired

class Builder {
 public:
  virtual ~Builder() = default;
  virtual const Parameters& parameters() const = 0;
  virtual bool has_input(std::string_view port) const = 0;
  virtual Wire input(std::string_view port) const = 0;  // kNoWire for an optional input that is not wired
  // Wires that are kNoWire are left out, so optional inputs can be handed on. Returns the main output.
  virtual Wire add(const std::string& name, const std::string& type, const std::map<std::string, Wire>& in,
                   const std::map<std::string, Setting>& settings = {}) = 0;
  // The same with settings as a user writes them: a map, checked in its places. "" stands for the main input.
  virtual Wire add(const std::string& name, const std::string& type, const std::map<std::string, Wire>& in,
                   const Tree& settings) = 0;
  virtual Wire port(Wire, std::string_view output) const = 0;  // another output of the same node
  virtual const TensorSpec& spec(Wire) const = 0;              // of a broken wire: an empty shape
  virtual bool broken(Wire) const = 0;
  virtual void output(std::string_view port, Wire) = 0;
  virtual bool training() const = 0;  // some node minimizes
  // The names of the images' classes, by label: as the checkpoint says, or the data sets of the file; empty:
  // nobody knows any. What the model settles on is kept with it.
  virtual std::vector<std::string> known_classes() const = 0;
  virtual void keep_classes(std::vector<std::string> names) = 0;
  // A call of the model of that name in the file. Frames in which `when` is 0 skip it and get `otherwise`.
  struct ModelCall {
    std::string model = "model";
    Wire when = kNoWire, otherwise = kNoWire;
  };
  virtual Wire call_model(const std::string& name, const ModelCall&,
                          const std::map<std::string, Wire>& in) = 0;
  // "owner: message", at the place where input `port` is wired, or the node stands.
  [[noreturn]] virtual void fail_at_input(std::string_view port, const std::string& message) const = 0;
  [[noreturn]] void fail_at(std::string_view parameter, const std::string& message) const {
    parameters().fail(parameter, message);
  }
  [[noreturn]] void fail_at(std::string_view parameter, std::size_t item, const std::string& message) const {
    parameters().fail(parameter, item, message);
  }
};

}  // namespace dagfusion
