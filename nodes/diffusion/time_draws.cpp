#include "nodes/diffusion/time_draws.h"

#include <cmath>
#include <numbers>

namespace dagfusion {
namespace {

constexpr double kBelowOne = 1 - 0x1p-53;

double uniform(const RandomStream& stream) {
  const Philox4 words = stream.block(0);
  return static_cast<double>((std::uint64_t{words[1]} << 32 | words[0]) >> 11) * 0x1p-53;
}

}  // namespace

// Newton's method from a rational start (Abramowitz, Stegun 1964, 26.2.23: off by 4.5e-4 at most).
double normal_quantile(double u) {
  const double tail = std::min(u, 1 - u), r = std::sqrt(-2 * std::log(tail));
  double z =
      r - (2.515517 + r * (0.802853 + r * 0.010328)) / (1 + r * (1.432788 + r * (0.189269 + r * 0.001308)));
  for (int i = 0; i < 4; ++i) {
    const double above = 0.5 * std::erfc(z / std::numbers::sqrt2);
    const double density = std::exp(-z * z / 2) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
    z += (above - tail) / density;
  }
  return u < 0.5 ? -z : z;
}

TimeDraws::TimeDraws(Setup& setup)
    : process_(setup.resource<NoiseProcess>("diffusion")),
      batch_size_(std::max<std::int64_t>(setup.run().batch_size, 1)),
      antithetic_(setup.text("pairing") == "antithetic"),
      stratified_(setup.text("pairing") == "stratified"),
      shift_(setup.real("shift")) {
  const Input like = setup.input("like");
  t_ = setup.output("t", {like.spec.shape[0]});
}

double TimeDraws::share(const Call& call, int image) const {
  RandomStream stream = call.random(image);
  if (antithetic_ && stream.image % 2 == 1) {
    --stream.image;
    return std::min(1 - uniform(stream), kBelowOne);
  }
  const double u = uniform(stream);
  if (!stratified_) return u;
  const std::uint64_t batch = static_cast<std::uint64_t>(batch_size_), place = stream.image % batch;
  stream.image -= place;
  const Philox4 words = stream.block(1);
  const std::uint64_t rotated = (place + below(batch, std::uint64_t{words[1]} << 32 | words[0])) % batch;
  return std::min((static_cast<double>(rotated) + u) / static_cast<double>(batch), kBelowOne);
}

void TimeDraws::forward(Call& call) const {
  float* t = call.out<float>(t_);
  for (int i = 0; i < t_.spec.shape[0]; ++i) {
    const double drawn = time(share(call, i));
    t[i] = static_cast<float>(shift_ == 1 ? drawn : process_.time_of(shift_ * process_.karras_sigma(drawn)));
  }
}

NodeType TimeDraws::type(std::string name, std::string summary, std::vector<Parameter> own) {
  NodeType made{.name = name,
                .summary = std::move(summary),
                .stands_for = {"timesteps"},
                .example = "{type: " + name + ", in: x0}",
                .inputs = {{"like", "[N,...] any free", "anything that has a value for each image"}},
                .outputs = {{"t", "[N] f32", "time of each image"}},
                .parameters = std::move(own)};
  made.parameters.push_back({.name = "pairing",
                             .kind = Kind::choice,
                             .doc = "whether the images of a batch draw alone, in pairs u and 1 - u, or one "
                                    "from each B-th of the range",
                             .standard = std::string("independent"),
                             .choices = {"independent", "antithetic", "stratified"}});
  made.parameters.push_back(
      {.name = "shift",
       .kind = Kind::real,
       .doc = "factor on the noise sigma / alpha of the times drawn: above 1 for more noise",
       .standard = 1.0,
       .minimum = 0,
       .above_minimum = true});
  return made;
}

}  // namespace dagfusion
