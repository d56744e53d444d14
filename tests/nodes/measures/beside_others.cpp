// The measures beside torch-fidelity's, on the same features: golden/inception.py wrote what is compared.
#include "tests/fixtures/golden.h"
#include "tests/fixtures/measured.h"

namespace dagfusion::tests {
namespace {

constexpr double kAgrees = 1e-4;

TEST(MeasuresBesideTorchFidelity, AgreeOnTheSameFeatures) {
  const auto golden = read_golden("inception.safetensors");
  const std::vector<float>& scores = golden.at("scores").values;
  const std::map<std::string, Plain> both = {{"samples", golden.at("samples")},
                                             {"reference", golden.at("real")}};
  EXPECT_NEAR(measured("{type: frechet_distance}", both, "frechet").at("distance") / scores[0], 1, kAgrees);
  const auto kernel = measured("{type: kernel_distance, subsets: 30, subset_size: 20}", both, "kernel");
  EXPECT_NEAR(kernel.at("distance") / scores[1], 1, kAgrees);
  EXPECT_NEAR(kernel.at("deviation") / scores[2], 1, kAgrees);
  Plain logits = golden.at("samples");
  for (float& v : logits.values) v *= 4;
  const auto inception = measured("{type: inception_score}", {{"logits", logits}}, "inception_score");
  EXPECT_NEAR(inception.at("score") / scores[3], 1, kAgrees);
  EXPECT_NEAR(inception.at("deviation") / scores[4], 1, kAgrees);
  const auto balls = measured("{type: precision_recall}", both, "precision_recall");
  EXPECT_NEAR(balls.at("precision") / scores[5], 1, kAgrees);
  EXPECT_NEAR(balls.at("recall") / scores[6], 1, kAgrees);
}

}  // namespace
}  // namespace dagfusion::tests
