// pipelines/blocks/inception.yaml beside torch-fidelity's network, on the same drawn weights and in each way to resize:
// golden/inception.py wrote what is compared.
#include <fstream>
#include <sstream>

#include "graph/compose/block.h"
#include "graph/plan/plan.h"
#include "graph/run/run.h"
#include "nodes/catalog.h"
#include "nodes/dnnl/engine.h"
#include "nodes/files/npy.h"
#include "nodes/files/safetensors.h"
#include "tests/fixtures/golden.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

// Numbers in [-1,1) that depend on the name alone, as golden/inception.py draws them.
std::vector<float> drawn(const std::string& name, std::size_t count) {
  std::uint32_t state = 2166136261;
  for (const char byte : name) state = (state ^ static_cast<unsigned char>(byte)) * 16777619;
  std::vector<float> values(count);
  for (float& v : values) {
    state = 1664525 * state + 1013904223;
    v = static_cast<float>(static_cast<double>(state >> 8) / (1 << 23) - 1);
  }
  return values;
}

std::vector<float> weight(const std::string& name, const Shape& shape) {
  std::vector<float> values = drawn(name, static_cast<std::size_t>(count_of(shape)));
  const auto scale =
      static_cast<float>(std::sqrt(6.0 * static_cast<double>(shape[0]) / static_cast<double>(values.size())));
  for (float& v : values)
    if (shape.size() > 1)
      v *= scale;
    else if (name.ends_with("running_var") || name.ends_with("bn.weight"))
      v = 1 + v * 0.25f;
    else
      v *= 0.1f;
  return values;
}

// All 23,850,960 of them, in a file.
void write_weights(const std::filesystem::path& path) {
  std::ifstream list(std::filesystem::path(DAGFUSION_GOLDEN) / "inception_weights.txt");
  std::string name, sides;
  std::vector<StateTensor> tensors;
  while (list >> name >> sides) {
    Shape shape;
    std::istringstream numbers(sides);
    for (std::string side; std::getline(numbers, side, ',');) shape.push_back(std::stoll(side));
    tensors.push_back({.name = name,
                       .dtype = DType::f32,
                       .shape = shape,
                       .save =
                           [name, shape](std::byte* to) {
                             const std::vector<float> values = weight(name, shape);
                             std::memcpy(to, values.data(), values.size() * sizeof(float));
                           },
                       .load = {}});
  }
  write_safetensors(path, tensors, {});
}

// [images, F] of one output of the network.
std::vector<float> read_rows(const std::filesystem::path& path) {
  const NpyFile file(path);
  std::vector<float> values(static_cast<std::size_t>(file.rows()) * file.row_elements());
  std::vector<std::byte> room(file.room_bytes());
  for (std::int64_t row = 0; row < file.rows(); ++row)
    file.read(row, reinterpret_cast<std::byte*>(&values[static_cast<std::size_t>(row) * file.row_elements()]),
              room);
  return values;
}

struct Seen {
  std::vector<float> features, logits;
};

Seen seen(const std::filesystem::path& folder, const std::string& mode, int micro_batch, int threads) {
  std::string blocks;
  for (const char* name : {"inception_a", "inception_b", "inception_c", "inception_d", "inception_e",
                           "inception_f", "inception"})
    blocks += fmt::format("{}{}/{}.yaml", blocks.empty() ? "" : ", ", BLOCKS, name);
  Tree file = parse_document(fmt::format(R"(
blocks: [{}]
run: {{seed: 1, images: 4, micro_batch: {}}}
nodes:
  images:   {{type: npy_reader, path: {}}}
  network:  {{type: inception, in: images, weights: {}, mode: {}}}
  features: {{type: npy_writer, in: network.features, path: features.npy}}
  logits:   {{type: npy_writer, in: network.logits, path: logits.npy}}
)",
                                         blocks, micro_batch, (folder / "images.npy").string(),
                                         (folder / "weights.safetensors").string(), mode),
                             "/test.yaml");
  gather_blocks(file);
  Run run(plan(check(file, catalog(), {.channel_block = channel_block()})),
          {.threads = threads, .on_thread_entry = on_thread_entry, .directory = folder});
  run.run();
  return {read_rows(folder / "features.npy"), read_rows(folder / "logits.npy")};
}

// Its features vary little from image to image, so that they are compared by what they differ from their mean.
double error(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return 1;
  double off = 0, all = 0, mean = 0;
  for (const float v : b) mean += v / static_cast<double>(b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    off += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
    all += (b[i] - mean) * (b[i] - mean);
  }
  return std::sqrt(off / all);
}

class InceptionBesideTorchFidelity : public testing::Test {
 protected:
  void SetUp() override {
    golden_ = read_golden("inception.safetensors");
    write_weights(folder_.path() / "weights.safetensors");
    const Plain& images = golden_.at("images");
    std::vector<std::byte> bytes;
    for (const float v : images.values) bytes.push_back(static_cast<std::byte>(static_cast<std::uint8_t>(v)));
    write_npy(folder_.path() / "images.npy", DType::u8, images.shape, bytes);
  }

  ScratchFolder folder_;
  std::map<std::string, Plain> golden_;
};

constexpr double kAgrees = 1e-4;

TEST_F(InceptionBesideTorchFidelity, SeesTheSameInEachMode) {
  for (const char* mode : {"tensorflow", "pytorch_fid", "clean"}) {
    const Seen both = seen(folder_.path(), mode, 4, 2);
    EXPECT_LE(error(both.features, golden_.at(mode).values), kAgrees) << mode;
    if (std::string(mode) == "tensorflow") {
      EXPECT_LE(error(both.logits, golden_.at("logits").values), kAgrees);
    }
  }
}

TEST_F(InceptionBesideTorchFidelity, HasTheSameBitsHoweverImagesAreCutIntoFrames) {
  const Seen together = seen(folder_.path(), "tensorflow", 4, 1),
             alone = seen(folder_.path(), "tensorflow", 1, 2);
  EXPECT_EQ(together.features, alone.features);
  EXPECT_EQ(together.logits, alone.logits);
}

}  // namespace
}  // namespace dagfusion::tests
