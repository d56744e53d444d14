// The noise process: how images turn into noise over a time t, and all that training and sampling ask of it, in
// float64. Nodes know this interface only; each process is one file beside this one.
//
//   x_t = alpha(t) * x0 + sigma(t) * e,  e ~ N(0, 1)
//
// Time rises with the noise: from clean(), the image itself (alpha 1, sigma 0), over least() to most().
// Nodes carry it as f32, in the process's own unit: a timestep, a sigma, a share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph/types/setup.h"
#include "nodes/diffusion/prediction.h"

namespace dagfusion {

// exp(5.1), of sigma / alpha. Cosine schedules end with far more, which is no longer of use to samplers: steps would be lost
// in it, and be too long for the mean of two slopes. (diffusers has it as lambda_min_clipped = -5.1.)
inline constexpr double kMostUsefulNoise = 164;

class NoiseProcess : public Resource {
 public:
  const std::string& name() const { return name_; }  // as in the file: "discrete", "flow"
  const PredictionKind& prediction() const { return prediction_; }
  double sigma_data() const { return prediction_.sigma_data; }

  // Times. Other than clean(), those from least() to most() are where models are trained and sampling starts;
  // has() may hold for more.
  virtual double clean() const { return 0; }
  virtual double least() const = 0;
  virtual double most() const = 0;
  virtual bool has(double t) const = 0;         // a time with noise
  virtual int timesteps() const { return 0; }   // of a discrete process: T of them, 0 … T - 1
  virtual double at_share(double u) const = 0;  // u in [0,1): the time that a uniform draw of training gives
  virtual double sampling_end() const {
    return least();
  }                                                // the last time but clean() of grids that have such
  virtual const char* usual_spacing() const = 0;   // of sampling: a `spacing` of sampling_timesteps
  virtual bool straight() const { return false; }  // paths from noise to images are straight lines in t

  NoiseLevel level(double t) const { return t == clean() ? NoiseLevel{1, 0} : level_at(t); }
  double snr(double t) const;                             // alpha^2 / sigma^2
  double karras_sigma(double t) const;                    // sigma / alpha: the noise in x / alpha
  virtual double time_of(double karras_sigma) const = 0;  // the time with that noise, kept within has()

  // What the network gets in place of x and t: scale * x, and `time`.
  struct NetworkInput {
    double scale, time;
  };
  virtual NetworkInput network_input(double t) const { return {1, t}; }

  // x_s given x_t and x0, of two times s < t: mean from_x * x_t + from_x0 * x0, and its variance.
  // added: variance of the noise that the way from s to t adds.
  struct Transition {
    double from_x, from_x0, variance, added;
  };
  Transition between(double s, double t) const;

  double largest_noise() const;  // standard deviation of pure noise at most(), where sampling starts

  // `t` as a time; throws std::runtime_error when the process does not have it.
  double time(float t) const;
  double time_or_clean(float t) const { return t == static_cast<float>(clean()) ? clean() : time(t); }

  std::vector<std::string> warnings() const override { return warnings_; }
  std::vector<ModelInput> before_model() const override;

 protected:
  explicit NoiseProcess(const Parameters& given);
  virtual NoiseLevel level_at(double t) const = 0;
  virtual bool scales_input() const { return false; }  // network_input().scale is not 1 everywhere
  virtual bool maps_time() const { return false; }     // network_input().time is not t

  std::vector<std::string> warnings_;

 private:
  std::string name_;
  PredictionKind prediction_;
};

// Where alpha = 1 / n and sigma = s / n with n = sqrt(1 + s^2): variance is preserved, s is the Karras sigma.
NoiseLevel variance_preserving(double karras_sigma);

// Each process, from the section's parameters.
std::unique_ptr<NoiseProcess> discrete_process(const Parameters&);
std::unique_ptr<NoiseProcess> vp_process(const Parameters&);
std::unique_ptr<NoiseProcess> ve_process(const Parameters&);
std::unique_ptr<NoiseProcess> edm_process(const Parameters&);
std::unique_ptr<NoiseProcess> flow_process(const Parameters&);

}  // namespace dagfusion
