// class_embedding: adds a learned vector of each image's class to its embedding.
// Nichol and Dhariwal 2021, "Improved Denoising Diffusion Probabilistic Models", arXiv:2102.09672, section 4.
// The row for images without a class: Ho and Salimans 2022, "Classifier-Free Diffusion Guidance", arXiv:2207.12598.
//
//   y[n] = x[n] + weight[label[n]]        label -1, or not wired: weight[K], the row of no class
//
// x, y: [N,D]; label: [N], 0 … K-1 or -1; weight: [K+1,D], at first normal with deviation init_std.
// null_class: false leaves out the last row, as networks of other programs do: then every image has a class.
// Backward:
//   dx = dy ;  dweight[k] = sum of dy[n] over the images n of class k

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "graph/types/catalog.h"
#include "nodes/kernels/sums.h"

namespace dagfusion {
namespace {

class ClassEmbedding final : public DifferentiableMap {
 public:
  explicit ClassEmbedding(Setup& setup)
      : classes_(setup.integer("classes")),
        null_class_(setup.flag("null_class")),
        x_(setup.input("x")),
        label_(setup.input("label")),
        y_(setup.output("y")),
        dim_(static_cast<std::size_t>(x_.spec.shape[1])),
        weight_(setup.weight("weight", {rows(), x_.spec.shape[1]},
                             {Init::Kind::normal, setup.real("init_std")})) {
    if (!null_class_ && !label_.connected())
      setup.fail(
          "input 'label' is not wired, but the network has no row for images without a class "
          "('null_class' is false)");
    refuse_other_classes(setup);
    setup.passes_gradient(y_, x_);
    setup.accumulate_reads(label_);
  }

  void forward(Call& call) const override {
    const float* x = call.in<float>(x_);
    float* y = call.out<float>(y_);
    for (std::int64_t n = 0; n < x_.spec.shape[0]; ++n, x += dim_, y += dim_)
      kernels::add(x, call.weight(weight_) + row(call, n), y, dim_);
  }

  void backward(Call&) const override {}  // the gradient passes as it is

  void accumulate(Call& call) const override {
    float* dweight = call.d(weight_);
    if (call.first_of_step()) std::fill_n(dweight, static_cast<std::size_t>(rows()) * dim_, 0.0f);
    const float* dy = call.d<float>(y_);
    for (std::int64_t n = 0; n < x_.spec.shape[0]; ++n, dy += dim_)
      kernels::accumulate(dy, dweight + row(call, n), dim_);
  }

 private:
  // Labels of a data set are numbers: of other classes than those that the model was trained for they mean something else.
  void refuse_other_classes(Setup& setup) const {
    const DataSet* data = setup.data_set_behind(label_);
    if (!data) return;
    const std::vector<std::string> theirs = data->class_names(), known = setup.classes();
    if (theirs.empty() || known.empty() || (are_numbers(known) && theirs.size() == known.size())) return;
    for (std::size_t k = 0; k < theirs.size(); ++k) {
      if (k >= known.size())
        setup.fail_at_input("label",
                            fmt::format("label {} is '{}' in the data set, but the model has {} classes", k,
                                        theirs[k], known.size()));
      if (theirs[k] != known[k])
        setup.fail_at_input("label", fmt::format("label {} is '{}' in the data set, but '{}' in the model", k,
                                                 theirs[k], known[k]));
    }
  }

  // Of a model that was trained on labels without names.
  static bool are_numbers(const std::vector<std::string>& names) {
    for (std::size_t k = 0; k < names.size(); ++k)
      if (names[k] != std::to_string(k)) return false;
    return true;
  }

  std::int64_t rows() const { return classes_ + (null_class_ ? 1 : 0); }

  // Where the vector of image n begins.
  std::size_t row(const Call& call, std::int64_t n) const {
    const std::int64_t label = label_.connected() ? call.in<std::int32_t>(label_)[n] : -1;
    if (label < (null_class_ ? -1 : 0) || label >= classes_)
      throw std::runtime_error(fmt::format("label is {}, but the classes are 0 to {}{}", label, classes_ - 1,
                                           null_class_ ? " (-1 = none)" : ""));
    return static_cast<std::size_t>(label < 0 ? classes_ : label) * dim_;
  }

  std::int64_t classes_;
  bool null_class_;
  Input x_, label_;
  Output y_;
  std::size_t dim_;
  Weight weight_;
};

}  // namespace

NodeType class_embedding() {
  return {.name = "class_embedding",
          .summary = "Adds a learned vector of each image's class to its embedding.",
          .paper =
              "Nichol and Dhariwal 2021, arXiv:2102.09672, section 4; Ho and Salimans 2022, arXiv:2207.12598",
          .example = "{type: class_embedding, in: {x: temb, label: digits.label}, classes: 10}",
          .role = Role::map,
          .inputs = {{"x", "[N,D] f32", "the embedding of each image's timestep"},
                     {.name = "label",
                      .spec = "[N] i32",
                      .doc = "class of each image, from 0; -1 = no class, as for all images when not wired",
                      .optional = true}},
          .outputs = {{"y", "[N,D] f32", "the embedding of timestep and class"}},
          .parameters = {{.name = "classes",
                          .kind = Kind::integer,
                          .doc = "how many classes there are; the row behind theirs stands for no class",
                          .required = true,
                          .minimum = 1,
                          .maximum = 65536},
                         {.name = "null_class",
                          .kind = Kind::boolean,
                          .doc = "the row behind those of the classes is there",
                          .standard = true},
                         {.name = "init_std",
                          .kind = Kind::real,
                          .doc = "standard deviation of the initial vectors",
                          .standard = 0.02,
                          .minimum = 0,
                          .maximum = 100}},
          .create = make_node<ClassEmbedding>};
}

}  // namespace dagfusion
