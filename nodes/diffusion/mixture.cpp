#include "nodes/diffusion/mixture.h"

#include "nodes/kernels/sums.h"

namespace dagfusion {

Mixture::Mixture(Setup& setup, std::string_view result)
    : x0_(setup.input("x0")),
      noise_(setup.input("noise")),
      t_(setup.input("t")),
      result_(setup.output(result)),
      images_(result_.spec.shape[0]),
      each_(count_of(result_.spec.shape) / images_) {
  setup.backward_reads(t_);
}

void Mixture::forward(Call& call) const {
  const float *x0 = call.in<float>(x0_), *noise = call.in<float>(noise_), *t = call.in<float>(t_);
  float* y = call.out<float>(result_);
  for (std::int64_t n = 0; n < images_; ++n) {
    const auto [image, noisy] = shares(t[n]);
    kernels::axpby(image, x0 + n * each_, noisy, noise + n * each_, y + n * each_, each_);
  }
}

void Mixture::backward(Call& call) const {
  const float *t = call.in<float>(t_), *dy = call.d<float>(result_);
  float *dx0 = call.d<float>(x0_), *dnoise = call.d<float>(noise_);
  for (std::int64_t n = 0; n < images_; ++n) {
    const auto [image, noisy] = shares(t[n]);
    if (dx0) kernels::scale(image, dy + n * each_, dx0 + n * each_, each_);
    if (dnoise) kernels::scale(noisy, dy + n * each_, dnoise + n * each_, each_);
  }
}

}  // namespace dagfusion
