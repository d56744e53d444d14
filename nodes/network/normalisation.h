// What group_norm and rms_norm share: groups of channels of one image are normalised,
// then each channel is scaled and shifted; the timestep's shift before it, its scale and shift behind it (FiLM)
// and the SiLU behind that are done in the same passes, since the layer is bound by memory.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <type_traits>

#include "graph/types/catalog.h"
#include "graph/types/cheap_to_repeat.h"
#include "graph/values/parallel.h"
#include "nodes/kernels/group_norm.h"
#include "nodes/kernels/sums.h"
#include "nodes/network/act.h"

namespace dagfusion {

class GroupNormalisation : public DifferentiableMap, public CheapToRepeat {
 public:
  GroupNormalisation(Setup& setup, bool centered)
      : x_(setup.input("x")),
        shift_(setup.input("shift")),
        film_(setup.input("film")),
        y_(setup.output("y")) {
    const Shape& shape = x_.spec.shape;
    images_ = shape[0];
    channels_ = shape[1];
    groups_ = setup.integer("groups");
    if (channels_ % groups_ != 0) {
      setup.fail_at("groups", fmt::format("'groups' is {}, which does not divide the {} channels of 'x'",
                                          groups_, channels_));
    }
    const std::int64_t size = channels_ / groups_, least = std::lcm<std::int64_t>(size, x_.spec.block);
    const std::int64_t together = channels_ % least == 0 ? least : channels_;
    part_ = {.channels = static_cast<int>(together),
             .groups = static_cast<int>(together / size),
             .block = x_.spec.block,
             .pixels = static_cast<std::size_t>(shape[2] * shape[3]),
             .epsilon = static_cast<float>(setup.real("eps")),
             .silu = setup.flag("silu"),
             .centered = centered};
    weight_ = setup.weight("weight", {channels_}, {.kind = Init::Kind::constant, .value = 1});
    bias_ = setup.weight("bias", {channels_}, {.kind = Init::Kind::constant, .value = 0});
    statistics_ = setup.saved("statistics", {.shape = {images_, 2, groups_}}, Span::forward_to_backward);
    shares_ = setup.saved("shares", {.shape = {images_, 2, channels_}}, Span::backward_to_accumulate);
    setup.backward_reads(x_);
    if (shift_.connected()) setup.backward_reads(shift_);
    if (film_.connected()) declare_film(setup);
  }

  void prepare(Preparation& preparation) override {
    preparation.scratch(2 * part_size() * sizeof(float));
    ways_ = ways_over(images_ * image_size(), preparation.ways);
    // Threads that share an image by its rows, as convolutions do, find most of it in their own caches.
    shares_pixels_ = ways_ > images_ && !half() && kernels::group_norm_chunks(part_.pixels) > 1;
    if (shares_pixels_) preparation.scratch(images_ * sums_size() * sizeof(float));
  }

  void forward(Call& call) const override {
    if (film_.connected()) make_film(call);
    if (shares_pixels_) return forward_by_pixels(call);
    half() ? forward_of<BFloat16>(call) : forward_of<float>(call);
  }

  void backward(Call& call) const override {
    float* shares = call.saved<float>(shares_);
    std::fill_n(shares, images_ * 2 * channels_, 0.0f);
    half() ? backward_of<BFloat16>(call, shares) : backward_of<float>(call, shares);
    if (film_.connected()) film_backward(call, shares);
  }

  // Image by image, so that the sum over a step has the same bits for every micro-batch.
  void accumulate(Call& call) const override {
    const float* shares = call.saved<float>(shares_);
    float* dweight = call.d(weight_);
    float* dbias = call.d(bias_);
    if (call.first_of_step()) {
      std::fill_n(dweight, channels_, 0.0f);
      std::fill_n(dbias, channels_, 0.0f);
    }
    for (std::int64_t n = 0; n < images_; ++n, shares += 2 * channels_) {
      kernels::accumulate(shares, dweight, channels_);
      kernels::accumulate(shares + channels_, dbias, channels_);
    }
  }

 private:
  void declare_film(Setup& setup) {
    if (film_.spec.shape[1] != 2 * channels_)
      setup.fail_at_input("film",
                          fmt::format("input 'film' is {}; a scale and a shift of each channel are [{},{}]",
                                      to_string(film_.spec.shape), images_, 2 * channels_));
    filmed_ = setup.saved("filmed", {.shape = {images_, 2, channels_}}, Span::forward_to_backward);
    setup.backward_reads(film_);
  }

  // Behind the normalisation, weight * xhat + bias is scaled and shifted once more: with other weights and biases for
  // each image it is one step.
  void make_film(Call& call) const {
    const float *film = call.in<float>(film_), *weight = call.weight(weight_), *bias = call.weight(bias_);
    float* filmed = call.saved<float>(filmed_);
    for (std::int64_t n = 0; n < images_; ++n, film += 2 * channels_, filmed += 2 * channels_)
      for (std::int64_t c = 0; c < channels_; ++c) {
        filmed[c] = weight[c] * (1 + film[c]);
        filmed[channels_ + c] = bias[c] * (1 + film[c]) + film[channels_ + c];
      }
  }

  // `shares` are those of the weights and biases of each image; they become those of the weight and the bias.
  void film_backward(Call& call, float* shares) const {
    const float *film = call.in<float>(film_), *weight = call.weight(weight_), *bias = call.weight(bias_);
    float* dfilm = call.d<float>(film_);
    for (std::int64_t n = 0; n < images_; ++n, film += 2 * channels_, shares += 2 * channels_)
      for (std::int64_t c = 0; c < channels_; ++c) {
        float &dweight = shares[c], &dbias = shares[channels_ + c];
        if (dfilm) {
          dfilm[2 * n * channels_ + c] = dweight * weight[c] + dbias * bias[c];
          dfilm[(2 * n + 1) * channels_ + c] = dbias;
        }
        dweight *= 1 + film[c];
        dbias *= 1 + film[c];
      }
  }

  const float* weight_of(const Call& call, std::int64_t n) const {
    return film_.connected() ? call.saved<float>(filmed_) + 2 * n * channels_ : call.weight(weight_);
  }
  const float* bias_of(const Call& call, std::int64_t n) const {
    return film_.connected() ? call.saved<float>(filmed_) + (2 * n + 1) * channels_ : call.weight(bias_);
  }

  // T: of the feature maps.
  template <class T>
  void forward_of(Call& call) const {
    float* mean = call.saved<float>(statistics_);
    for_parts([&](std::int64_t n, std::int64_t at, std::int64_t c, std::int64_t g) {
      kernels::group_norm(part_, call.in<T>(x_) + at, shift_of(call, n, c), weight_of(call, n) + c,
                          bias_of(call, n) + c, call.out<T>(y_) + at, mean + 2 * n * groups_ + g,
                          mean + (2 * n + 1) * groups_ + g);
    });
  }

  template <class T>
  void backward_of(Call& call, float* shares) const {
    const float* mean = call.saved<float>(statistics_);
    T* dx = call.d<T>(x_);
    float* dshift = call.d<float>(shift_);
    for_parts([&](std::int64_t n, std::int64_t at, std::int64_t c, std::int64_t g) {
      auto* scratch = reinterpret_cast<float*>(call.scratch());
      T* to = dx ? dx + at : reinterpret_cast<T*>(scratch + part_size());
      float* dweight = shares + 2 * n * channels_ + c;
      const auto into = [&](auto... gradients) {
        kernels::group_norm_backward(part_, call.in<T>(x_) + at, shift_of(call, n, c),
                                     mean + 2 * n * groups_ + g, mean + (2 * n + 1) * groups_ + g,
                                     weight_of(call, n) + c, bias_of(call, n) + c, call.d<T>(y_) + at,
                                     gradients..., dshift ? dshift + n * channels_ + c : nullptr, dweight,
                                     dweight + channels_);
      };
      if constexpr (std::is_same_v<T, float>)
        into(to);
      else
        into(scratch, to);
    });
  }

  const float* shift_of(const Call& call, std::int64_t n, std::int64_t c) const {
    return shift_.connected() ? call.in<float>(shift_) + n * channels_ + c : nullptr;
  }

  bool half() const { return is_half(x_.spec); }
  std::int64_t image_size() const { return x_.spec.image_elements(); }
  std::int64_t part_size() const { return image_size() / (channels_ / part_.channels); }

  kernels::GroupNormShape image() const {
    kernels::GroupNormShape all = part_;
    all.channels = static_cast<int>(channels_);
    all.groups = static_cast<int>(groups_);
    return all;
  }
  std::int64_t sums_size() const { return static_cast<std::int64_t>(kernels::group_norm_sums_size(image())); }

  void forward_by_pixels(Call& call) const {
    const float* x = call.in<float>(x_);
    float* mean = call.saved<float>(statistics_);
    auto* sums = reinterpret_cast<float*>(call.scratch());  // of this thread, for all that help it
    const auto chunks = static_cast<std::int64_t>(kernels::group_norm_chunks(part_.pixels));
    const auto some = [](std::int64_t first, std::int64_t end) {
      return kernels::GroupNormChunks{static_cast<std::size_t>(first), static_cast<std::size_t>(end)};
    };
    in_bands(images_, chunks, ways_, [&](std::int64_t n, std::int64_t first, std::int64_t end) {
      kernels::group_norm_sums(image(), some(first, end), x + n * image_size(), sums + n * sums_size());
    });
    in_bands(images_, chunks, ways_, [&](std::int64_t n, std::int64_t first, std::int64_t end) {
      kernels::group_norm_from_sums(image(), some(first, end), x + n * image_size(), sums + n * sums_size(),
                                    shift_of(call, n, 0), weight_of(call, n), bias_of(call, n),
                                    call.out<float>(y_) + n * image_size(), mean + 2 * n * groups_,
                                    mean + (2 * n + 1) * groups_);
    });
  }

  // f(image, where its part lies, the part's first channel, its first group)
  template <class F>
  void for_parts(const F& f) const {
    const std::int64_t parts = channels_ / part_.channels;  // of an image
    in_runs(images_ * parts, ways_, [&](std::size_t first, std::size_t end) {
      for (auto i = static_cast<std::int64_t>(first); i < static_cast<std::int64_t>(end); ++i) {
        const std::int64_t c = i % parts * part_.channels;
        f(i / parts, i * part_size(), c, c / (channels_ / groups_));
      }
    });
  }

  Input x_, shift_, film_;
  Output y_;
  Weight weight_, bias_;
  Saved statistics_, shares_;  // [N, mean and rstd, groups]; [N, dweight and dbias, C]
  Saved filmed_;               // [N, weight and bias, C], where `film` is wired
  std::int64_t images_ = 0, channels_ = 0, groups_ = 0;
  // What is normalised at once: the fewest channels that are whole blocks and whole groups, or the image.
  kernels::GroupNormShape part_;
  int ways_ = 1;
  bool shares_pixels_ = false;
};

inline std::vector<Port> normalisation_inputs() {
  return {{"x", "[N,C,H,W] float blocked", "feature maps"},
          {"shift", "[N,C] f32", "added to every pixel of a channel before", true},
          {"film", "[N,F] f32", "scale - 1 of each channel behind the normalisation, then a shift: F = 2C",
           true}};
}

inline std::vector<Parameter> normalisation_parameters(std::string groups, std::string eps) {
  return {{.name = "groups",
           .kind = Kind::integer,
           .doc = std::move(groups),
           .standard = std::int64_t{32},
           .minimum = 1,
           .maximum = 65536},
          {.name = "eps",
           .kind = Kind::real,
           .doc = std::move(eps),
           .standard = 1e-6,
           .minimum = 0,
           .maximum = 1,
           .above_minimum = true},
          {.name = "silu",
           .kind = Kind::boolean,
           .doc = "apply SiLU to the result, in the same pass",
           .standard = false}};
}

}  // namespace dagfusion
