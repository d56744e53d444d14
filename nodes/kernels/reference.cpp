#include "nodes/kernels/reference.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace dagfusion::kernels::reference {

namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double silu_slope(double x) { return sigmoid(x) * (1 + x * (1 - sigmoid(x))); }

// Where channel c, pixel p of an image lies.
std::size_t at(int c, std::size_t p, std::size_t pixels, int block) {
  return (static_cast<std::size_t>(c / block) * pixels + p) * block + c % block;
}

void clear_filling(float* blocked, int channels, std::size_t pixels, int block) {
  for (int c = channels; c % block != 0; ++c) {
    for (std::size_t p = 0; p < pixels; ++p) blocked[at(c, p, pixels, block)] = 0;
  }
}

}  // namespace

void group_norm(const GroupNormShape& s, const float* x, const float* shift, const float* gamma,
                const float* beta, float* y, float* mean, float* rstd) {
  const int size = s.channels / s.groups;
  const double count = static_cast<double>(s.pixels) * size;
  const auto value = [&](int c, std::size_t p) {
    return double{x[at(c, p, s.pixels, s.block)]} + (shift ? shift[c] : 0.0f);
  };
  for (int g = 0; g < s.groups; ++g) {
    double sum = 0, squares = 0;
    for (int c = g * size; c < (g + 1) * size; ++c) {
      for (std::size_t p = 0; p < s.pixels; ++p) sum += value(c, p);
    }
    if (!s.centered) sum = 0;
    for (int c = g * size; c < (g + 1) * size; ++c) {
      for (std::size_t p = 0; p < s.pixels; ++p) squares += std::pow(value(c, p) - sum / count, 2);
    }
    const double factor = 1 / std::sqrt(squares / count + s.epsilon);
    mean[g] = static_cast<float>(sum / count);
    rstd[g] = static_cast<float>(factor);
    for (int c = g * size; c < (g + 1) * size; ++c) {
      for (std::size_t p = 0; p < s.pixels; ++p) {
        const double z = gamma[c] * (value(c, p) - sum / count) * factor + beta[c];
        y[at(c, p, s.pixels, s.block)] = static_cast<float>(s.silu ? z * sigmoid(z) : z);
      }
    }
  }
  clear_filling(y, s.channels, s.pixels, s.block);
}

void group_norm_backward(const GroupNormShape& s, const float* x, const float* shift, const float* mean,
                         const float* rstd, const float* gamma, const float* beta, const float* dy, float* dx,
                         float* dshift, float* dgamma, float* dbeta) {
  const int size = s.channels / s.groups;
  const double count = static_cast<double>(s.pixels) * size;
  std::vector<double> xhat(s.pixels * size), dz(s.pixels * size);
  for (int g = 0; g < s.groups; ++g) {
    double a = 0, b = 0;
    for (int i = 0; i < size; ++i) {
      const int c = g * size + i;
      double sum = 0, weighted = 0;
      for (std::size_t p = 0; p < s.pixels; ++p) {
        const std::size_t from = at(c, p, s.pixels, s.block), k = i * s.pixels + p;
        xhat[k] = (double{x[from]} + (shift ? shift[c] : 0.0f) - mean[g]) * rstd[g];
        dz[k] = dy[from] * (s.silu ? silu_slope(gamma[c] * xhat[k] + beta[c]) : 1.0);
        sum += dz[k];
        weighted += dz[k] * xhat[k];
      }
      if (dbeta) dbeta[c] += static_cast<float>(sum);
      if (dgamma) dgamma[c] += static_cast<float>(weighted);
      if (s.centered) a += gamma[c] * sum / count;
      b += gamma[c] * weighted / count;
    }
    for (int i = 0; i < size; ++i) {
      const int c = g * size + i;
      double sum = 0;
      for (std::size_t p = 0; p < s.pixels; ++p) {
        const std::size_t k = i * s.pixels + p;
        const double gradient = rstd[g] * (gamma[c] * dz[k] - a - xhat[k] * b);
        dx[at(c, p, s.pixels, s.block)] = static_cast<float>(gradient);
        sum += gradient;
      }
      if (dshift) dshift[c] = static_cast<float>(sum);
    }
  }
  clear_filling(dx, s.channels, s.pixels, s.block);
}

void silu(const float* x, float* y, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i] * sigmoid(x[i]));
}

void silu_backward(const float* x, const float* dy, float* dx, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) dx[i] = static_cast<float>(dy[i] * silu_slope(x[i]));
}

void gaussian(const RandomStream& stream, double* out, std::size_t n, std::size_t first) {
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t k = first + i;
    const auto words = stream.block(static_cast<std::uint32_t>(k / 4));
    const double u = (words[k % 4 / 2 * 2] / 2 + 0.5) * 0x1p-31;
    const double angle = 2 * std::numbers::pi * 0x1p-32 * words[k % 4 / 2 * 2 + 1];
    out[i] = std::sqrt(-2 * std::log(u)) * (k % 2 == 0 ? std::cos(angle) : std::sin(angle));
  }
}

void adam(const AdamStep& s, float* value, const float* gradient, float* m, float* v, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    double g = s.gradient_scale * gradient[i], w = value[i];
    if (s.decoupled) {
      w *= 1 - s.learning_rate * s.weight_decay;
    } else {
      g += s.weight_decay * w;
    }
    const double first = s.beta1 * double{m[i]} + (1 - s.beta1) * g;
    const double second = s.beta2 * double{v[i]} + (1 - s.beta2) * g * g;
    w -= s.learning_rate / s.correction1 * first / (std::sqrt(second) / std::sqrt(s.correction2) + s.epsilon);
    value[i] = static_cast<float>(w);
    m[i] = static_cast<float>(first);
    v[i] = static_cast<float>(second);
  }
}

void move_average(double decay, const float* value, float* average, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    average[i] = static_cast<float>(decay * average[i] + (1 - decay) * value[i]);
  }
}

double sum(const float* x, std::size_t n) {
  double total = 0;
  for (std::size_t i = 0; i < n; ++i) total += x[i];
  return total;
}

double sum_of_squares(const float* x, std::size_t n) {
  double total = 0;
  for (std::size_t i = 0; i < n; ++i) total += double{x[i]} * x[i];
  return total;
}

double sum_of_squared_differences(const float* a, const float* b, std::size_t n) {
  double total = 0;
  for (std::size_t i = 0; i < n; ++i) total += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
  return total;
}

void softmax(float scale, float* s, std::size_t rows, std::size_t columns) {
  for (std::size_t r = 0; r < rows; ++r, s += columns) {
    const double largest = *std::max_element(s, s + columns);
    double total = 0;
    for (std::size_t j = 0; j < columns; ++j) total += std::exp(scale * (s[j] - largest));
    for (std::size_t j = 0; j < columns; ++j) {
      s[j] = static_cast<float>(std::exp(scale * (s[j] - largest)) / total);
    }
  }
}

void softmax_backward(float scale, const float* p, const float* dp, float* ds, std::size_t rows,
                      std::size_t columns) {
  for (std::size_t r = 0; r < rows; ++r, p += columns, dp += columns, ds += columns) {
    double dot = 0;
    for (std::size_t j = 0; j < columns; ++j) dot += double{dp[j]} * p[j];
    for (std::size_t j = 0; j < columns; ++j) ds[j] = static_cast<float>(scale * p[j] * (dp[j] - dot));
  }
}

void plain_to_blocked(const float* plain, float* blocked, int channels, std::size_t pixels, int block) {
  for (int c = 0; c < channels; ++c) {
    for (std::size_t p = 0; p < pixels; ++p) blocked[at(c, p, pixels, block)] = plain[c * pixels + p];
  }
  clear_filling(blocked, channels, pixels, block);
}

void blocked_to_plain(const float* blocked, float* plain, int channels, std::size_t pixels, int block) {
  for (int c = 0; c < channels; ++c) {
    for (std::size_t p = 0; p < pixels; ++p) plain[c * pixels + p] = blocked[at(c, p, pixels, block)];
  }
}

void upsample2(const float* x, float* y, int blocks, int height, int width, int block) {
  for (int row = 0; row < blocks * 2 * height; ++row) {  // rows of a block follow those of the one before
    for (int j = 0; j < 2 * width; ++j) {
      for (int c = 0; c < block; ++c) {
        y[(std::size_t(row) * 2 * width + j) * block + c] =
            x[(std::size_t(row / 2) * width + j / 2) * block + c];
      }
    }
  }
}

void upsample2_backward(const float* dy, float* dx, int blocks, int height, int width, int block) {
  for (int row = 0; row < blocks * height; ++row) {
    for (int j = 0; j < width; ++j) {
      for (int c = 0; c < block; ++c) {
        const auto from = [&](int i, int k) {
          return dy[(std::size_t(2 * row + i) * 2 * width + 2 * j + k) * block + c];
        };
        dx[(std::size_t(row) * width + j) * block + c] =
            (from(0, 0) + from(0, 1)) + (from(1, 0) + from(1, 1));
      }
    }
  }
}

void bytes_to_signed(const std::uint8_t* bytes, float* x, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<float>(bytes[i] / 127.5 - 1);
}

void signed_to_bytes(const float* x, std::uint8_t* bytes, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    const float value = (x[i] + 1) * 127.5f;
    bytes[i] = static_cast<std::uint8_t>(std::nearbyint(value > 0 ? std::min(value, 255.0f) : 0.0f));
  }
}

}  // namespace dagfusion::kernels::reference
