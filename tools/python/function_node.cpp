#include "tools/python/function_node.h"

#include <fmt/format.h>
#include <pybind11/numpy.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <stdexcept>

#include "graph/check/check.h"
#include "graph/types/port.h"
#include "nodes/catalog.h"

namespace py = pybind11;

namespace dagfusion {

namespace {

using Array = py::array_t<float, py::array::c_style | py::array::forcecast>;

constexpr const char* kGroup = "python";
constexpr const char* kOutput = "y";

// Never destroyed: node types outlive the interpreter.
struct Function {
  std::string name;
  std::vector<FunctionInput> inputs;
  py::object forward, backward;  // backward: None where there is none
  Shape sides;
};

// With what Python would print; the interpreter is ours here.
std::string traceback_of(const py::error_already_set& error) {
  try {
    const py::object lines =
        py::module_::import("traceback").attr("format_exception")(error.type(), error.value(), error.trace());
    std::string text = py::str("").attr("join")(lines).cast<std::string>();
    while (text.ends_with('\n')) text.pop_back();
    return text;
  } catch (const py::error_already_set&) {
    return error.what();
  }
}

template <class T>
py::object copy_of(const void* values, const Shape& shape) {
  py::array_t<T> array(shape);
  std::copy_n(static_cast<const T*>(values), count_of(shape), array.mutable_data());
  return array;
}

py::object array_of(const void* values, const TensorSpec& spec) {
  switch (spec.dtype) {
    case DType::u8:
      return copy_of<std::uint8_t>(values, spec.shape);
    case DType::u16:
      return copy_of<std::uint16_t>(values, spec.shape);
    case DType::i32:
      return copy_of<std::int32_t>(values, spec.shape);
    default:
      return copy_of<float>(values, spec.shape);
  }
}

std::string shape_text(const Array& array) {
  return to_string(Shape(array.shape(), array.shape() + array.ndim()));
}

class FunctionNode final : public DifferentiableMap {
 public:
  FunctionNode(Setup& setup, const Function& function) : function_(function) {
    for (const FunctionInput& input : function.inputs) inputs_.push_back(setup.input(input.name));
    Shape shape = inputs_.front().spec.shape;
    if (!function.sides.empty()) {
      shape.resize(1);
      shape.insert(shape.end(), function.sides.begin(), function.sides.end());
    }
    y_ = setup.output(kOutput, shape);
    if (has_backward())
      for (const Input& input : inputs_) setup.backward_reads(input);
  }

  void forward(Call& call) const override {
    const py::gil_scoped_acquire gil;
    told([&] {
      const py::object made = function_.forward(*py::tuple(arrays(call)));
      fill(made, y_.spec.shape, "returns", call.out<float>(y_));
    });
  }

  void backward(Call& call) const override {
    const py::gil_scoped_acquire gil;
    told([&] {
      py::list given;
      given.append(copy_of<float>(call.d<float>(y_), y_.spec.shape));
      for (const py::handle& input : arrays(call)) given.append(input);
      py::object made = function_.backward(*py::tuple(given));
      if (!py::isinstance<py::tuple>(made)) made = py::make_tuple(made);
      const auto gradients = made.cast<py::tuple>();
      if (gradients.size() != inputs_.size())
        throw std::runtime_error(
            fmt::format("the backward of function '{}' returns {} gradients, but there are {} inputs",
                        function_.name, gradients.size(), inputs_.size()));
      for (std::size_t i = 0; i < inputs_.size(); ++i) gradient(call, inputs_[i], gradients[i]);
    });
  }

 private:
  bool has_backward() const { return function_.backward.ptr() != Py_None; }

  py::list arrays(Call& call) const {
    py::list all;
    for (const Input& input : inputs_) all.append(array_of(call.in<void>(input), input.spec));
    return all;
  }

  void gradient(Call& call, const Input& input, const py::handle& made) const {
    float* dx = call.d<float>(input);
    if (!dx) return;
    if (made.is_none())
      std::fill_n(dx, count_of(input.spec.shape), 0.0f);
    else
      fill(made, input.spec.shape, "has a backward that returns", dx);
  }

  void fill(const py::handle& made, const Shape& wanted, const char* how, float* to) const {
    const Array array = Array::ensure(made);
    if (!array) {
      PyErr_Clear();
      throw std::runtime_error(fmt::format("function '{}' {} {}, which is no array of numbers",
                                           function_.name, how,
                                           std::string(py::str(py::type::of(made).attr("__name__")))));
    }
    if (!std::equal(wanted.begin(), wanted.end(), array.shape(), array.shape() + array.ndim()))
      throw std::runtime_error(fmt::format("function '{}' {} {}, but the node gives {}", function_.name, how,
                                           shape_text(array), to_string(wanted)));
    std::copy_n(array.data(), array.size(), to);
  }

  // What Python raises as an error of this node, with its traceback.
  template <class F>
  void told(const F& f) const {
    std::string text;
    try {
      return f();
    } catch (const py::error_already_set& error) {
      text = traceback_of(error);
    }
    throw std::runtime_error(fmt::format("function '{}' raises\n{}", function_.name, text));
  }

  const Function& function_;
  std::vector<Input> inputs_;
  Output y_;
};

// The same without a backward: the engine then says what it is between.
class ForwardFunctionNode final : public Map {
 public:
  ForwardFunctionNode(Setup& setup, const Function& function) : node_(setup, function) {}
  void forward(Call& call) const override { node_.forward(call); }

 private:
  FunctionNode node_;
};

bool is_name(const std::string& text) {
  return !text.empty() && std::isalpha(static_cast<unsigned char>(text.front())) &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

// Of plain values alone: what a function gets are arrays as NumPy has them.
void refuse_port(const std::string& function, const FunctionInput& input) {
  static const std::vector<std::string> dtypes = {"f32", "i32", "u8", "u16"};
  std::string why;
  try {
    const PortSpec port = parse_port(input.spec);
    if (!port.layout.empty() || std::find(dtypes.begin(), dtypes.end(), port.dtype) == dtypes.end())
      why = "it must end with f32, i32, u8 or u16";
  } catch (const std::logic_error& error) {
    why = error.what();
  }
  if (!why.empty())
    throw UserError(
        {}, fmt::format("function '{}': input '{}' is annotated '{}', such as '[N,C,H,W] f32' would do: {}",
                        function, input.name, input.spec, why));
}

void refuse_what_is_no_node(const std::string& name, const std::vector<FunctionInput>& inputs) {
  if (!is_name(name))
    throw UserError(
        {},
        fmt::format("'{}' is no name of a node type; a function with a name of letters, digits and _ has one",
                    name));
  if (inputs.empty())
    throw UserError({}, fmt::format("function '{}' takes nothing; a node has one input at least", name));
  for (const FunctionInput& input : inputs) {
    if (!is_name(input.name))
      throw UserError({}, fmt::format("function '{}': '{}' is no name of an input", name, input.name));
    refuse_port(name, input);
  }
}

}  // namespace

void add_function_node(const std::string& name, const std::string& doc, std::vector<FunctionInput> inputs,
                       py::object function, py::object backward, std::vector<std::int64_t> sides) {
  refuse_what_is_no_node(name, inputs);
  // pybind11 loads NumPy at the first array, and holds a lock while Python may go on in another thread: a thread of a run
  // that has Python would wait for that lock for ever.
  py::array_t<float>(0);
  const bool differentiable = !backward.is_none();
  const auto* kept = new Function{name, inputs, std::move(function), std::move(backward), std::move(sides)};
  NodeType type;
  type.name = name;
  type.group = kGroup;
  type.summary = doc.empty() ? "A function of Python." : doc;
  type.role = Role::map;
  for (const FunctionInput& input : inputs)
    type.inputs.push_back({input.name, input.spec, "an argument of the function"});
  type.outputs = {{kOutput, "[N,...] f32", "what the function returns"}};
  if (differentiable)
    type.create = [kept](Setup& setup) { return std::make_unique<FunctionNode>(setup, *kept); };
  else
    type.create = [kept](Setup& setup) { return std::make_unique<ForwardFunctionNode>(setup, *kept); };
  add_to_catalog(std::move(type));
}

std::vector<std::string> notes_on_function_nodes(const Checked& checked) {
  std::vector<std::string> notes;
  for (const CheckedNode& node : checked.nodes)
    if (node.type->group == kGroup)
      notes.push_back(
          fmt::format("node '{}' ({}): a function of Python, which is slow: it runs for one frame at a time",
                      node.path, node.type->name));
  return notes;
}

}  // namespace dagfusion
