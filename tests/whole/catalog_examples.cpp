// The whole catalog: all is documented, and every example passes the checker with its inputs given.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <opencv2/core.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "graph/check/check.h"
#include "graph/types/builtin.h"
#include "graph/types/file_keys.h"
#include "nodes/catalog.h"
#include "nodes/files/npy.h"
#include "nodes/files/npz.h"
#include "tests/fixtures/hdf5_files.h"
#include "tests/fixtures/picture_files.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

std::vector<NodeType> all_types() {
  std::vector<NodeType> all = catalog().nodes;
  all.push_back(run_pipeline());
  return all;
}

// Made by `adam` alone, so that nobody writes them into a file.
const std::set<std::string> kParts = {"clip_gradients", "adam_update", "pack_weights"};

struct Given final : Map {
  Given(Setup& setup, const TensorSpec& spec) { setup.output("out", spec.shape, spec.dtype); }
  void forward(Call&) const override {}
};

// Of a batch in training nothing may be missing.
const std::set<std::string> kOnlyInPreprocessing = {"drop_duplicates"};

// A value that fits a port: so many images, letters as large as the layers of a small network.
TensorSpec fitting(const Port& port, std::int64_t images) {
  static const std::map<std::string, DType> kDtypes = {
      {"u8", DType::u8}, {"i32", DType::i32}, {"images", DType::images}};
  const PortSpec spec = parse_port(port.spec);
  TensorSpec made;
  if (const auto dtype = kDtypes.find(spec.dtype); dtype != kDtypes.end()) made.dtype = dtype->second;
  for (const std::string& side : spec.sides) {
    if (side == "...") {
      if (made.shape.empty()) made.shape.push_back(images);
      made.shape.insert(made.shape.end(), {3, 8, 8});
    } else if (std::isdigit(static_cast<unsigned char>(side[0]))) {
      made.shape.push_back(std::stoi(side));
    } else {
      const bool sample = side == "N", bytes = made.dtype == DType::u8 || port.name == "images";
      const bool space = side == "H" || side == "W";
      made.shape.push_back(sample ? images : space ? 8 : bytes ? 3 : 16);
    }
  }
  return made;
}

// A pipeline that trains one layer, and the example in it:
// every input that does not come from that training is given.
class Around {
 public:
  explicit Around(const NodeType& type) : types_(catalog()) {
    if (type.name == "prior_noise")  // asks for the size of the model's images
      options_.model = ModelSource{.input = {3, 8, 8}};
    const bool preprocesses = kOnlyInPreprocessing.contains(type.name);
    if (preprocesses) images_ = 1;
    give("features", {.shape = {images_, 16}});
    give("wanted", {.shape = {images_, 4}});
    Tree example = parse_document(type.example, "example");
    Tree* in = example.find("in");
    if (in && in->is_scalar()) {
      wire(type.inputs.front(), *in);
    } else if (in) {
      const bool bundle = in->find("each") != nullptr;
      std::erase_if(in->entries, [](const Entry& e) { return e.key == "each"; });
      for (Entry& e : in->entries)
        for (const Port& port : type.inputs)
          if (port.name == e.key) wire(port, e.value);
      for (const Port& port : type.inputs)
        if (bundle && !port.optional && !in->find(port.name)) {
          Tree reference = scalar("of_each", in->where);
          wire(port, reference);
          in->entries.push_back({port.name, in->where, reference});
        }
    }
    yaml_ = preprocesses ? "run: {images: 1, micro_batch: 1}\n"
                         : "run: {steps: 1, batch_size: 2, micro_batch: 2}\n";
    yaml_ += type.name == "hybrid_loss" ? "diffusion: {variance: learned_range}\n" : "diffusion: {}\n";
    yaml_ += "model: {type: unet, classes: auto}\nnodes:\n" + given_;
    for (const char* node : {"digits: {type: drawn_digits, size: 8}",  // so that there are classes
                             "out: {type: linear, in: features, channels: 4}",
                             "loss: {type: mse_loss, in: {prediction: out, target: wanted}}"})
      yaml_ += fmt::format("  {}\n", node);
    if (!type.minimizes && !preprocesses)
      yaml_ += "  adam: {type: adam, minimize: loss}\n  ema: {type: weight_average, after: adam}\n";
    yaml_ += "  example:\n";
    std::istringstream lines(write_document(example));
    for (std::string line; std::getline(lines, line);) yaml_ += "    " + line + "\n";
  }

  Checked checked() const { return check(parse_document(yaml_, "around.yaml"), types_, options_); }
  const std::string& yaml() const { return yaml_; }

 private:
  void wire(const Port& port, Tree& reference) {
    reference.text = "given_" + port.name;
    if (names_.insert(reference.text).second) give(reference.text, fitting(port, images_));
  }
  void give(const std::string& name, const TensorSpec& spec) {
    types_.nodes.push_back({.name = "type_" + name,
                            .summary = "What the test gives.",
                            .outputs = {{"out", "[...] any", "given"}},
                            .create = [spec](Setup& setup) { return std::make_unique<Given>(setup, spec); }});
    given_ += fmt::format("  {}: {{type: type_{}}}\n", name, name);
  }

  Catalog types_;
  CheckOptions options_;
  std::set<std::string> names_;
  std::int64_t images_ = 2;
  std::string given_, yaml_;
};

TEST(Catalog, DocumentsEveryPortAndParameter) {
  for (const NodeType& type : all_types()) {
    EXPECT_TRUE(type.summary.ends_with(".")) << type.name;
    for (const std::vector<Port>* ports : {&type.inputs, &type.outputs})
      for (const Port& port : *ports) EXPECT_FALSE(port.doc.empty()) << type.name << ' ' << port.name;
    for (const Parameter& p : type.parameters) EXPECT_FALSE(p.doc.empty()) << type.name << ' ' << p.name;
  }
  for (const SectionType& section : catalog().sections)
    for (const Parameter& p : section.parameters)
      EXPECT_FALSE(p.doc.empty()) << section.name << ' ' << p.name;
  for (const Parameter& p : run_parameters()) EXPECT_FALSE(p.doc.empty()) << "run " << p.name;
}

TEST(Catalog, HasAnExampleOfEveryTypeThatAFileCanName) {
  for (const NodeType& type : all_types()) {
    EXPECT_EQ(type.example.empty(), kParts.contains(type.name)) << type.name;
    EXPECT_TRUE(type.example.empty() || type.example.starts_with("{type: " + type.name)) << type.name;
  }
}

TEST(Catalog, NamesPapersByAuthorAndYear) {
  for (const NodeType& type : all_types()) {
    if (type.paper.empty()) continue;
    EXPECT_TRUE(std::regex_search(type.paper, std::regex("^[A-Z].*? (19|20)[0-9]{2}, "))) << type.paper;
  }
}

TEST(Catalog, SaysOfEveryParameterWithARangeThatItsDefaultLiesInIt) {
  for (const NodeType& type : all_types())
    for (const Parameter& p : type.parameters) {
      if (std::holds_alternative<Unset>(p.standard)) continue;
      std::vector<Fault> faults;
      Parameters::make({{p.name, p.standard}}, {p}, type.name, {}, faults);
      EXPECT_TRUE(faults.empty()) << type.name << ' ' << p.name;
    }
}

TEST(Catalog, FlagsTypesAsTheyAre) {
  const auto has = [](const NodeType& type, const std::string& name, Kind kind) {
    return std::any_of(type.parameters.begin(), type.parameters.end(),
                       [&](const Parameter& p) { return p.name == name && p.kind == kind; });
  };
  for (const NodeType& type : all_types()) {
    EXPECT_EQ(type.shuffled_by, has(type, "shuffle", Kind::boolean) ? "shuffle" : "") << type.name;
    EXPECT_EQ(type.changes_form, has(type, "layout", Kind::choice) && has(type, "dtype", Kind::choice))
        << type.name;
    EXPECT_EQ(type.counts_iterations, type.name.ends_with("_timesteps") && type.inputs.empty()) << type.name;
  }
  EXPECT_EQ(catalog().names([](const NodeType& t) { return t.changes_form; }).size(), 1u);
}

TEST(Catalog, HasExamplesThatTheCheckerAccepts) {
  const ScratchFolder scratch;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(scratch.path());
  NewHdf5("images.h5").images({2, 8, 8, 3});
  const std::vector<std::byte> pixels(2 * 3 * 8 * 8);
  write_npy("images.npy", DType::u8, {2, 3, 8, 8}, pixels);
  save("train-images-idx3-ubyte.gz", {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 7});  // gzip or not
  save("train-labels-idx1-ubyte.gz", {0, 0, 8, 1, 0, 0, 0, 1, 7});
  std::filesystem::create_directory("cifar-10-batches-bin");
  save("cifar-10-batches-bin/data_batch_1.bin", Bytes(3073));
  std::filesystem::create_directory("pictures");
  const std::vector<double> weight(4 * 16), bias(4);
  write_npz("classifier.npz", {{"fc.weight", {4, 16}, weight}, {"fc.bias", {4}, bias}});
  save("pictures/one.png", encoded(".png", gradient(8, 8)));
  std::ofstream("sample.yaml")
      << "vars: {count: 1}\nnodes: {number: {type: image_numbers, count: \"${count}\"}}\n";
  for (const NodeType& type : all_types()) {
    if (type.example.empty()) continue;
    const Around around(type);
    try {
      const Checked checked = around.checked();
      EXPECT_TRUE(std::any_of(checked.nodes.begin(), checked.nodes.end(), [](const CheckedNode& n) {
        return n.path == "example" || n.path.starts_with("example/");
      })) << type.name;
    } catch (const std::exception& e) {
      ADD_FAILURE() << type.name << ": " << e.what() << "\n" << around.yaml();
    }
  }
  std::filesystem::current_path(before);
}

}  // namespace
}  // namespace dagfusion::tests
