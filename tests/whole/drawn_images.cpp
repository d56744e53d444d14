// Image k of a sampling run has the same bits whatever
// the number of images, the micro-batch and the threads are.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "graph/plan/micro_batch.h"
#include "graph/run/run.h"
#include "nodes/catalog.h"
#include "nodes/dnnl/engine.h"
#include "tests/fixtures/one_node.h"

namespace dagfusion::tests {
namespace {

std::vector<std::vector<float>> kept;  // of the last run, by the image's number

class Keep final : public Ordered {
 public:
  explicit Keep(Setup& setup) : x_(setup.input("x")) {}
  void run(Call& call) override {
    const std::size_t size = x_.spec.image_elements();
    for (int i = 0; i < call.valid(); ++i)
      kept.emplace_back(call.in<float>(x_) + i * size, call.in<float>(x_) + (i + 1) * size);
  }

 private:
  Input x_;
};

Catalog with_keep() {
  Catalog all = catalog();
  all.nodes.push_back({.name = "keep",
                       .summary = "Keeps all images.",
                       .role = Role::ordered,
                       .inputs = {{"x", "[N,C,H,W] f32", "images"}},
                       .create = make_node<Keep>});
  return all;
}

std::string drawing(std::int64_t images, const std::string& run, const std::string& model) {
  return fmt::format(R"(
run: {{images: {}, {}}}
diffusion: {{schedule: cosine, timesteps: 100, prediction: v}}
model: {{type: unet, blocks: 1, attention_at: [16], {}}}
nodes:
  digits: {{type: drawn_digits, size: 16}}
  x0: {{type: to_signed, in: digits}}
  xT: {{type: gaussian_noise, in: x0}}
  denoise:
    loop:
      each: {{type: ddim_timesteps, steps: 2}}
      carry: {{x: xT}}
      nodes:
        out: {{type: model, in: {{x: carry.x, t: each.t}}}}
        prev: {{type: ddim_step, in: {{x: carry.x, prediction: out, each: each}}, eta: 0.5}}
      next: {{x: prev}}
  keep: {{type: keep, in: denoise.x}}
)",
                     images, run, model);
}

Planned planned(const std::string& yaml) {
  static const Catalog types = with_keep();  // outlives the nodes
  return check_and_plan(parse_document(yaml, "test.yaml"), types,
                        {.channel_block = channel_block(), .bfloat16 = bfloat16_available()});
}

// Fresh weights would do little: the last layer of every block starts near zero.
void draw_weights(RunInfo& info) {
  for (std::size_t w = 0; w < info.weights().weights().size(); ++w) {
    Plain plain = gaussian(info.weights().weights()[w].shape, w + 1);
    for (float& value : plain.values) value *= .1f;
    info.weights().set_plain(static_cast<int>(w), plain.values, info.values().values());
  }
  info.weights().pack(info.values());
}

std::vector<std::vector<float>> drawn(const std::string& yaml, int threads) {
  kept.clear();
  Run run(planned(yaml), {.threads = threads, .on_thread_entry = on_thread_entry, .restore = draw_weights});
  run.run();
  return kept;
}

// 32 channels are two blocks and 48 are three;
// 24 leave one half empty, and their groups of 6 cut across blocks.
const char* const kModels[] = {"channels: 32, multipliers: [1, 2], groups: 8",
                               "channels: 48, multipliers: [1, 1], groups: 4, heads: 2",
                               "channels: 24, multipliers: [1, 2], groups: 4"};

void expect_same_images(const char* precision) {
  for (const char* model : kModels) {
    const auto all = drawn(drawing(9, fmt::format("micro_batch: 1, precision: {}", precision), model), 1);
    ASSERT_EQ(all.size(), 9u);
    EXPECT_NE(all[0], all[1]);
    for (const std::int64_t images : {2, 9})
      for (const char* micro_batch : {"auto", "2", "5"})
        for (const int threads : {1, 3}) {
          const auto some = drawn(
              drawing(images, fmt::format("micro_batch: {}, precision: {}", micro_batch, precision), model),
              threads);
          ASSERT_EQ(static_cast<std::int64_t>(some.size()), images);
          for (std::size_t i = 0; i < some.size(); ++i)
            ASSERT_EQ(some[i], all[i]) << "image " << i << " of " << images << ", " << micro_batch
                                       << " a frame, " << threads << " threads, " << model;
        }
  }
}

TEST(DrawnImages, HaveTheSameBitsWhateverTheirNumberTheMicroBatchAndTheThreadsAre) {
  expect_same_images("float32");
}

TEST(DrawnImages, HaveTheSameBitsInBFloat16) {
  if (!bfloat16_available()) GTEST_SKIP() << "this core has no bfloat16 dot products";
  expect_same_images("bfloat16");
}

int micro_batch(std::int64_t images) {
  return planned(drawing(images, "micro_batch: auto", kModels[0])).checked.run.micro_batch;
}

// At least eight frames, and of the images that fill up the last one at most one for 32 that are wanted.
TEST(DrawnImages, ShareAFrameByTheirNumberAlone) {
  EXPECT_EQ(micro_batch(1), 1);
  EXPECT_EQ(micro_batch(8), 1);
  EXPECT_EQ(micro_batch(9), 1);     // 5 frames of 2 would be too few
  EXPECT_EQ(micro_batch(16), 2);    // 8 frames
  EXPECT_EQ(micro_batch(17), 1);    // 9 frames of 2 would waste 1 of 17
  EXPECT_EQ(micro_batch(62), 7);    // 9 frames; 8 of 8 would waste 2 of 62
  EXPECT_EQ(micro_batch(64), 8);    // 8 frames
  EXPECT_EQ(micro_batch(100), 6);   // 17 frames waste 2; 15 of 7 would waste 5
  EXPECT_EQ(micro_batch(1000), 8);  // 125 frames
}

}  // namespace
}  // namespace dagfusion::tests
