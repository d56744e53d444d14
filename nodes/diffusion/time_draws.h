// How training draws a time for each image: a share u in [0,1) of some distribution of times, and the time there.
// antithetic: Song et al. 2021 (DDIM), in its code; stratified: Karras et al. 2022, as k-diffusion has it.
//
//   independent  u ~ Uniform[0,1) for each image
//   antithetic   images in pairs: u and 1 - u
//   stratified   u = ((i + r) mod B + Uniform[0,1)) / B for image i of B in the batch, r drawn anew for each batch
//
// shift s: the Karras sigma of the time drawn is multiplied by s (Esser et al. 2024, arXiv:2403.03206, eq. 23).
// like: [N,...], only N counts; t: [N], times of the section `diffusion`.
#pragma once

#include "graph/types/catalog.h"
#include "nodes/diffusion/noise_process.h"

namespace dagfusion {

class TimeDraws : public Map {
 public:
  void forward(Call&) const final;

  // The ports, and the parameters that all of them have after their own.
  static NodeType type(std::string name, std::string summary, std::vector<Parameter> own = {});

 protected:
  explicit TimeDraws(Setup&);
  const NoiseProcess& process() const { return process_; }

 private:
  virtual double time(double u) const = 0;
  double share(const Call&, int image) const;

  const NoiseProcess& process_;
  std::int64_t batch_size_;
  bool antithetic_, stratified_;
  double shift_;
  Output t_;
};

double normal_quantile(double u);  // the z with P(N(0,1) <= z) = u, for u in (0,1)

}  // namespace dagfusion
