#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>

#include "tests/fixtures/composite.h"

namespace dagfusion::tests {
namespace {

std::map<std::string, Plain> images(Shape shape) {
  return {{"x", numbered(shape)}, {"t", numbered({shape[0]})}};
}

TEST(UNet, HasTheWeightsOfTheCifarNetworkOfHo) {
  const Checked checked = expanded(
      "type: unet, channels: 128, multipliers: [1, 2, 2, 2], blocks: 2, attention_at: [16], dropout: 0.1",
      images({1, 3, 32, 32}));
  EXPECT_EQ(checked.weights->parameters(), 35'746'307);
  EXPECT_EQ(multiply_adds_of(checked), 6'221'856'768);
}

TEST(UNet, HasTheWeightsOfTheNetworkOfHoFor256Pixels) {
  const Checked checked =
      expanded("type: unet, channels: 128, multipliers: [1, 1, 2, 2, 4, 4], blocks: 2, attention_at: [16]",
               images({1, 3, 256, 256}));
  EXPECT_EQ(checked.weights->parameters(), 113'673'219);
}

// Numbers of parameters as OpenAI's code counts them: iddpm for CIFAR-10, and guided-diffusion for 64 pixels.
TEST(UNet, HasTheWeightsOfTheNetworksOfOpenAI) {
  EXPECT_EQ(
      expanded(
          "type: unet, preset: iddpm, channels: 128, multipliers: [1, 2, 2, 2], blocks: 3, attention_at: "
          "[16, 8], out_channels: 6",
          images({1, 3, 32, 32}))
          .weights->parameters(),
      52'546'438);
  EXPECT_EQ(
      expanded("type: unet, preset: adm, channels: 192, multipliers: [1, 2, 3, 4], blocks: 3, attention_at: "
               "[32, 16, 8], out_channels: 6, classes: 1000, null_class: false",
               {{"x", numbered({1, 3, 64, 64})}, {"t", numbered({1})}, {"label", {{1}, {3}}}})
          .weights->parameters(),
      295'904'454);
}

// As EDM's code counts them: SongUNet for CIFAR-10 with classes and augmentation, and DhariwalUNet for ImageNet at 64
// pixels, which has no row for images without a class.
TEST(UNet, HasTheWeightsOfTheNetworksOfEdm) {
  EXPECT_EQ(
      expanded("type: unet, preset: ddpmpp, channels: 128, multipliers: [2, 2, 2], blocks: 4, attention_at: "
               "[16], classes: 10, augment: 9",
               {{"x", numbered({1, 3, 32, 32})}, {"t", numbered({1})}, {"label", {{1}, {3}}}})
          .weights->parameters(),
      55'735'299);
  const std::int64_t no_class = 4 * 192;
  EXPECT_EQ(
      expanded("type: unet, preset: adm, channels: 192, multipliers: [1, 2, 3, 4], blocks: 3, attention_at: "
               "[32, 16, 8], group_channels: 4, classes: 1000",
               {{"x", numbered({1, 3, 64, 64})}, {"t", numbered({1})}, {"label", {{1}, {3}}}})
          .weights->parameters(),
      295'899'267 + no_class);
}

TEST(UNet, OfSongHasAttentionBehindTheLastBlockOfALevelOnTheWayUp) {
  std::string attention;
  for (const std::string& line : nodes_of(expanded(
           "type: unet, preset: ddpmpp, channels: 8, multipliers: [1, 2], blocks: 2, attention_at: [8]",
           images({1, 3, 16, 16}))))
    if (const std::size_t at = line.find("/attention "); at != line.npos)
      attention += line.substr(0, at) + " ";
  EXPECT_EQ(attention, "down1/attention0 down1/attention1 mid/attention up1/attention2 ");
}

TEST(UNet, OfSongStartsAsHisDoes) {
  const Checked checked =
      expanded("type: unet, preset: ddpmpp, channels: 8, multipliers: [1, 2], blocks: 1, attention_at: [8]",
               images({1, 3, 16, 16}));
  const auto bound = [&](const std::string& weight) {
    return checked.weights->weights()[checked.weights->find("node/" + weight)].init.value;
  };
  EXPECT_DOUBLE_EQ(bound("mid/attention/q.weight"), std::sqrt(0.1 * 6 / 32));
  EXPECT_NEAR(bound("mid/block0/conv2.weight"), 1e-5 * std::sqrt(6.0 / (2 * 9 * 16)), 1e-12);
  EXPECT_DOUBLE_EQ(bound("down0/downsample/shortcut.weight"), std::sqrt(6.0 / 16));
}

TEST(UNet, DoesWhatItsPresetSaysButForWhatIsWritten) {
  const auto settings = [](const std::string& yaml, const std::string& path) {
    const Checked checked =
        expanded("type: unet, channels: 64, groups: 8, attention_at: [16], " + yaml, images({1, 3, 32, 32}));
    for (const CheckedNode& n : checked.nodes)
      if (n.path == "node/" + path) return n.parameters;
    return Parameters();
  };
  EXPECT_EQ(settings("preset: adm", "mid/attention/attention").integer("heads"), 2);
  EXPECT_EQ(settings("preset: adm, heads: 1", "mid/attention/attention").integer("heads"), 1);
  EXPECT_EQ(settings("preset: iddpm", "mid/attention/attention").integer("heads"), 4);
  EXPECT_EQ(settings("preset: iddpm, head_channels: 16", "mid/attention/attention").integer("heads"), 8);
  EXPECT_EQ(settings("preset: diffusers", "time/embedding").text("order"), "cos_sin");
  EXPECT_EQ(settings("preset: diffusers, time_order: sin_cos", "time/embedding").text("order"), "sin_cos");
  EXPECT_EQ(settings("preset: diffusers, freq_shift: 1", "time/embedding").integer("freq_shift"), 1);
  EXPECT_EQ(settings("preset: diffusers", "down0/downsample/conv").text("padding"), "same");
  EXPECT_EQ(settings("preset: diffusers, padding: end", "down0/downsample/conv").text("padding"), "end");
  EXPECT_EQ(settings("preset: diffusers", "norm_out").real("eps"), 1e-5);
  EXPECT_EQ(settings("eps: 2.0e-5", "mid/attention/norm").real("eps"), 2e-5);
}

TEST(UNet, ChangesSidesByBlocksOrWithoutWeights) {
  const auto nodes = [](const std::string& yaml) {
    std::string types;
    for (const std::string& line : nodes_of(expanded(
             "type: unet, channels: 8, multipliers: [1, 2], groups: 4, " + yaml, images({1, 3, 16, 16}))))
      if (line.find("sample") != line.npos) types += line.substr(0, line.find(" [")) + "\n";
    return types;
  };
  EXPECT_EQ(nodes("resample: pool"), "down0/downsample average_pool\nup1/upsample nearest_upsample\n");
  EXPECT_NE(nodes("resample: block").find("down0/downsample/resample average_pool\n"), std::string::npos);
  EXPECT_NE(nodes("resample: block").find("up1/upsample/resample_shortcut nearest_upsample\n"),
            std::string::npos);
}

TEST(UNet, HasTheMiddleItIsAskedFor) {
  const auto middle = [](const std::string& how) {
    std::string found;
    for (const std::string& line :
         nodes_of(expanded("type: unet, channels: 8, multipliers: [1], groups: 4, middle_attention: " + how,
                           images({1, 3, 16, 16}))))
      if (line.starts_with("mid/attention")) found += line.substr(0, line.find(' ')) + " ";
    return found;
  };
  EXPECT_EQ(middle("none"), "");
  EXPECT_EQ(middle("plain"),
            "mid/attention/q mid/attention/k mid/attention/v mid/attention/attention mid/attention/proj ");
}

TEST(UNet, RejectsHeadsThatDoNotFit) {
  EXPECT_EQ(faults_of("type: unet, heads: 2, head_channels: 4", images({1, 3, 32, 32})),
            "node 'node' (unet): 'heads' is 2 and 'head_channels' 4; one of them says it all");
  EXPECT_EQ(
      faults_of("type: unet, channels: 32, attention_at: [32], head_channels: 64", images({1, 3, 32, 32})),
      "node 'node' (unet): 'head_channels' is 64, which does not divide the 32 channels of level 0");
}

TEST(UNet, HasTheSizeOfTheSmallerPresets) {
  const Checked medium = expanded("type: unet, channels: 64, multipliers: [1, 2, 2], attention_at: [16]",
                                  images({1, 3, 32, 32}));
  EXPECT_EQ(medium.weights->parameters(), 6'472'195);
  EXPECT_EQ(multiply_adds_of(medium), 1'587'445'760);
  const Checked small = expanded("type: unet, attention_at: [16]", images({1, 1, 32, 32}));
  EXPECT_EQ(small.weights->parameters(), 1'623'169);
  EXPECT_EQ(multiply_adds_of(small), 417'800'192);
}

TEST(UNet, ExpandsToTheBlocksOfHo) {
  const Checked checked =
      expanded("type: unet, channels: 8, multipliers: [1, 2], blocks: 1, attention_at: [8], groups: 4",
               images({1, 3, 16, 16}));
  std::vector<std::string> blocks;  // "down0/block0", in order, and layers of their own
  for (const std::string& line : nodes_of(checked)) {
    const std::string path = line.substr(0, line.find(' '));
    const std::size_t slash = path.find('/', path.find('/') + 1);
    const std::string block = path.substr(0, slash);
    if (blocks.empty() || blocks.back() != block) blocks.push_back(block);
  }
  EXPECT_EQ(blocks,
            (std::vector<std::string>{
                "time/embedding", "time/linear1",  "time/silu1",       "time/linear2",   "time/silu2",
                "conv_in",        "down0/block0",  "down0/downsample", "down1/block0",   "down1/attention0",
                "mid/block0",     "mid/attention", "mid/block1",       "up1/concat0",    "up1/block0",
                "up1/attention0", "up1/concat1",   "up1/block1",       "up1/attention1", "up1/upsample",
                "up0/concat0",    "up0/block0",    "up0/concat1",      "up0/block1",     "norm_out",
                "conv_out"}));
}

TEST(UNet, DropsOutOnlyWhileTraining) {
  const Checked checked = expanded("type: unet, dropout: 0.5", images({1, 3, 32, 32}));
  for (const CheckedNode& n : checked.nodes) EXPECT_NE(n.type->name, "dropout");
}

TEST(UNet, PredictsAsManyChannelsAsAskedFor) {
  const Checked checked = expanded("type: unet, out_channels: 6", images({1, 3, 32, 32}));
  EXPECT_EQ(nodes_of(checked).back(), "conv_out conv2d [1,6,32,32]");
}

TEST(UNet, TakesImagesThatAreNotSquare) {
  const Checked checked = expanded("type: unet", images({1, 3, 16, 24}));
  EXPECT_EQ(nodes_of(checked).back(), "conv_out conv2d [1,3,16,24]");
}

TEST(UNet, RejectsSidesThatCannotBeHalvedOften) {
  EXPECT_EQ(faults_of("type: unet, multipliers: [1, 2, 2, 2]", images({1, 3, 28, 45})),
            "node 'node' (unet): 'multipliers' has 4 levels, so height and width must be divisible by 8, but "
            "'x' is "
            "[1,3,28,45]; the nearest right size is 32x48");
}

TEST(UNet, RejectsGroupsThatDoNotDivideTheChannelsOfALevel) {
  EXPECT_EQ(faults_of("type: unet, channels: 48", images({1, 3, 32, 32})),
            "node 'node' (unet): 'groups' is 32, which does not divide the 48 channels of 'conv_in'");
  EXPECT_EQ(faults_of("type: unet, channels: 16, groups: 32", images({1, 3, 32, 32})),
            "node 'node' (unet): 'groups' is 32, which does not divide the 16 channels of 'conv_in'");
}

TEST(UNet, RejectsAttentionWhereNoLevelIs) {
  EXPECT_EQ(faults_of("type: unet, attention_at: [16]", images({1, 1, 28, 28})),
            "node 'node' (unet): 'attention_at' holds 16, but the levels are 28, 14, 7 pixels high");
}

TEST(UNet, RejectsAttentionOnTheWayUpWhereNoLevelIs) {
  EXPECT_EQ(faults_of("type: unet, attention_up_at: [16]", images({1, 1, 28, 28})),
            "node 'node' (unet): 'attention_up_at' holds 16, but the levels are 28, 14, 7 pixels high");
}

TEST(UNet, ChangesSidesAsEachLevelIsAskedTo) {
  std::string changes;
  for (const std::string& line : nodes_of(
           expanded("type: unet, channels: 8, widths: [8, 12, 16], groups: 4, resample_down: [pool, block], "
                    "resample_up: [block, pool]",
                    images({1, 3, 16, 16}))))
    if (line.find("sample") != line.npos && line.find("_") != line.npos)
      changes += line.substr(0, line.find(" [")) + "\n";
  EXPECT_NE(changes.find("down0/downsample average_pool\n"), changes.npos);
  EXPECT_NE(changes.find("down1/downsample/resample average_pool\n"), changes.npos);
  EXPECT_NE(changes.find("up1/upsample/resample nearest_upsample\n"), changes.npos);
  EXPECT_NE(changes.find("up2/upsample nearest_upsample\n"), changes.npos);
}

TEST(UNet, RejectsWordsThatChangeNoSides) {
  EXPECT_EQ(
      faults_of("type: unet, resample_down: [conv]", images({1, 3, 16, 16})),
      "node 'node' (unet): 'resample_down' holds 1 words, but there are 2 changes of sides between 3 levels");
  EXPECT_EQ(faults_of("type: unet, resample_up: [conv, fir]", images({1, 3, 16, 16})),
            "node 'node' (unet): 'resample_up' holds 'fir'; it must be conv, block or pool");
}

TEST(UNet, CanDoWithoutAMiddle) {
  for (const std::string& line :
       nodes_of(expanded("type: unet, channels: 8, groups: 4, middle: false", images({1, 3, 16, 16}))))
    EXPECT_EQ(line.find("mid/"), line.npos) << line;
  EXPECT_EQ(faults_of("type: unet, middle: false, middle_groups: 4", images({1, 3, 16, 16})),
            "node 'node' (unet): 'middle_groups' is given, but 'middle' is false: there is no middle");
}

TEST(UNet, HasTheActivationItIsAskedFor) {
  std::string types;
  for (const std::string& line : nodes_of(expanded("type: unet, channels: 8, multipliers: [1], groups: 4, "
                                                   "blocks: 1, activation: mish, centre_input: true",
                                                   images({1, 3, 16, 16}))))
    if (line.find("mish") != line.npos || line.find("silu") != line.npos || line.find("affine") != line.npos)
      types += line.substr(0, line.find(" [")) + "\n";
  EXPECT_EQ(types.substr(0, types.find("mid/")),
            "time/silu1 silu\ntime/mish2 mish\ncentred affine\ndown0/block0/activation1 mish\n"
            "down0/block0/activation2 mish\n");
}

TEST(UNet, RejectsANetworkWithoutLevels) {
  EXPECT_EQ(faults_of("type: unet, multipliers: []", images({1, 3, 32, 32})),
            "node 'node' (unet): 'multipliers' has 0 levels; 1 to 8 would do");
  EXPECT_EQ(faults_of("type: unet, multipliers: [1, 0]", images({1, 3, 32, 32})),
            "node 'node' (unet): 'multipliers[1]' is 0; it must be between 1 and 64");
}

TEST(UNet, AddsARowForEachClassAndOneForNone) {
  std::map<std::string, Plain> tensors = images({1, 3, 32, 32});
  const std::int64_t without = expanded("type: unet", tensors).weights->parameters();
  tensors["label"] = {{1}, {3}};
  const Checked checked = expanded("type: unet, classes: 10", tensors);
  EXPECT_EQ(checked.weights->parameters(), without + 11 * 128);
  EXPECT_EQ(checked.classes, (std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}));
  const std::vector<std::string> nodes = nodes_of(checked);
  EXPECT_EQ(nodes[3], "time/linear2 linear [1,128]");
  EXPECT_EQ(nodes[4], "class_embedding class_embedding [1,128]");
  EXPECT_EQ(nodes[5], "time/silu2 silu [1,128]");
}

TEST(UNet, HasItsClassesWhetherALabelIsWiredOrNot) {
  const std::map<std::string, Plain> tensors = images({1, 3, 32, 32});
  EXPECT_EQ(expanded("type: unet, classes: 10", tensors).weights->parameters(),
            expanded("type: unet", tensors).weights->parameters() + 11 * 128);
}

TEST(UNet, RefusesALabelWithoutClasses) {
  std::map<std::string, Plain> tensors = images({1, 3, 32, 32});
  tensors["label"] = {{1}, {3}};
  EXPECT_EQ(
      faults_of("type: unet", tensors),
      "node 'node' (unet): input 'label' is wired, but the model has no classes; 'classes: auto' in its "
      "section gives it those of the data");
}

TEST(UNet, RefusesToBeTrainedForClassesWithoutALabel) {
  try {
    expanded("type: unet, classes: 10", images({1, 3, 32, 32}), true);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(error.faults().front().message,
              "node 'node' (unet): input 'label' is not wired, but the model is trained for 10 classes; wire "
              "the data set's label, by way of drop_label for guidance");
  }
}

TEST(UNet, RefusesNumbersOfClassesThatAreNone) {
  for (const std::string number : {"-1", "many", "65537", "3.5"})
    EXPECT_EQ(faults_of("type: unet, classes: " + number, images({1, 3, 32, 32})),
              "node 'node' (unet): 'classes' is " + number + "; it must be auto or a number from 0 to 65536");
}

TEST(UNet, IsToldWhatWasDoneToImages) {
  std::map<std::string, Plain> tensors = images({1, 3, 32, 32});
  const std::int64_t without = expanded("type: unet", tensors).weights->parameters();
  EXPECT_EQ(expanded("type: unet, augment: 9", tensors).weights->parameters(), without + 9 * 128);
  tensors["augment"] = numbered({1, 9});
  EXPECT_EQ(nodes_of(expanded("type: unet, augment: 9", tensors))[4],
            "augment_embedding augment_embedding [1,128]");
  EXPECT_EQ(
      faults_of("type: unet", tensors),
      "node 'node' (unet): input 'augment' is wired, but the model takes no such label; 'augment: 9' in its "
      "section lets it");
  EXPECT_EQ(faults_of("type: unet, augment: 8", tensors),
            "node 'node/augment_embedding' (augment_embedding): input 'label' is [1,9], but 'length' is 8");
  try {
    expanded("type: unet, augment: 9", images({1, 3, 32, 32}), true);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(
        error.faults().front().message,
        "node 'node' (unet): input 'augment' is not wired, but the model is trained for labels of 9 numbers, "
        "such as those of edm_augment");
  }
}

// Two images whose classes are called cat and dog.
NodeType pets() {
  class Pets final : public DataSet {
   public:
    explicit Pets(Setup& setup) : label_(setup.output("label", {setup.run().micro_batch})) {}
    std::optional<std::int64_t> size() const override { return std::nullopt; }
    std::string fingerprint() const override { return "pets"; }
    std::vector<std::string> class_names() const override { return {"cat", "dog"}; }
    void forward(Call&) const override {}

   private:
    Output label_;
  };
  return {.name = "pets",
          .summary = "Cats and dogs.",
          .role = Role::data_set,
          .outputs = {{"label", "[N] i32", "which of them"}},
          .create = make_node<Pets>};
}

// A model of drawn digits whose section says so much of its classes.
Checked digits(const std::string& classes, const std::string& more = "") {
  static std::deque<Catalog> kept;
  Catalog& all = kept.emplace_back(catalog());
  all.nodes.push_back(pets());
  return check(
      parse_document("run: {images: 1, micro_batch: 1}\ndiffusion: {}\nmodel: {type: unet, classes: " +
                         classes + "}\nnodes:\n" + more +
                         "  digits: {type: drawn_digits}\n"
                         "  x: {type: to_signed, in: digits}\n"
                         "  t: {type: uniform_timesteps, in: x}\n"
                         "  y: {type: model, in: {x: x, t: t, label: digits.label}}\n",
                     "test.yaml"),
      all, {});
}

std::string fault_of_digits(const std::string& classes, const std::string& more = "") {
  try {
    digits(classes, more);
    return "";
  } catch (const UserError& error) {
    return error.what();
  }
}

TEST(UNet, TakesItsClassesFromTheDataSet) {
  EXPECT_EQ(digits("auto").classes,
            (std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}));
  EXPECT_EQ(digits("12").classes.size(), 12);
}

TEST(UNet, RefusesClassesThatDoNotFitTheData) {
  EXPECT_EQ(fault_of_digits("9"),
            "test.yaml:3:30: section 'model': 'classes' is 9, but the images are of 10 classes");
  EXPECT_EQ(
      fault_of_digits("auto", "  pets: {type: pets}\n"),
      "test.yaml:9:3: node 'y' (unet): node 'pets' (pets) and node 'digits' (drawn_digits) know different "
      "classes (2 and 10), and one label would stand for two of them");
  EXPECT_EQ(faults_of("type: unet, classes: auto", images({1, 3, 32, 32})),
            "node 'node' (unet): 'classes' is auto, but no data set of this file knows any; say how many "
            "there are");
}

}  // namespace
}  // namespace dagfusion::tests
