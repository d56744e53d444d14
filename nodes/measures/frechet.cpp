#include "nodes/measures/frechet.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "nodes/files/npy.h"
#include "nodes/files/npz.h"

#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Cholesky>
#include <Eigen/QR>
#include <Eigen/SVD>

namespace dagfusion {
namespace {

using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using View = Eigen::Map<const Rows>;

View view_of(const FeatureStatistics& s) {
  return {s.factor.data(), static_cast<Eigen::Index>(s.rows()), static_cast<Eigen::Index>(s.size)};
}

void keep_factor(FeatureStatistics& s, const Rows& factor) {
  s.factor.assign(factor.data(), factor.data() + factor.size());
}

// Rows that are as good as zero in an image space of `size` numbers say nothing but how numbers were rounded.
constexpr double kRounded = 1e-15;

// F of C = P^T L D L^T P: sqrt(D) L^T P. Where D is below what rounding leaves, it is taken for zero.
Rows factor_of(const Rows& covariance) {
  const Eigen::LDLT<Rows> parts(covariance);
  const Eigen::VectorXd d = parts.vectorD();
  const double least = kRounded * static_cast<double>(d.size()) * std::max(d.maxCoeff(), 0.0);
  Eigen::MatrixXd columns = parts.matrixL();
  Eigen::Index rank = 0;
  for (Eigen::Index i = 0; i < d.size(); ++i)
    if (d[i] > least) columns.col(rank++) = std::sqrt(d[i]) * columns.col(i);
  return (parts.transpositionsP().transpose() * columns.leftCols(rank).eval()).eval().transpose();
}

}  // namespace

FeatureStatistics statistics_of(const Features& features) {
  const std::size_t count = features.count(), size = features.size;
  if (count < 2) throw std::runtime_error(fmt::format("a covariance needs two images; there is {}", count));
  FeatureStatistics s{.size = size, .mean = std::vector<double>(size), .factor = {}};
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t c = 0; c < size; ++c) s.mean[c] += features.row(i)[c];
  for (double& mean : s.mean) mean /= static_cast<double>(count);

  const double share = 1 / std::sqrt(static_cast<double>(count - 1));
  const auto centred = [&](std::size_t first, std::size_t end) {
    Rows rows(static_cast<Eigen::Index>(end - first), static_cast<Eigen::Index>(size));
    double* to = rows.data();
    for (std::size_t i = first; i < end; ++i)
      for (std::size_t c = 0; c < size; ++c) *to++ = (features.row(i)[c] - s.mean[c]) * share;
    return rows;
  };
  if (count <= size) {
    keep_factor(s, centred(0, count));
    return s;
  }
  constexpr std::size_t kTogether = 1024;  // images
  Rows covariance = Rows::Zero(static_cast<Eigen::Index>(size), static_cast<Eigen::Index>(size));
  for (std::size_t i = 0; i < count; i += kTogether) {
    const Rows some = centred(i, std::min(count, i + kTogether));
    covariance.noalias() += some.transpose() * some;
  }
  keep_factor(s, factor_of(covariance));
  return s;
}

FeatureStatistics statistics_of(std::vector<double> mean, std::vector<double> covariance) {
  FeatureStatistics s{.size = mean.size(), .mean = std::move(mean), .factor = {}};
  const auto size = static_cast<Eigen::Index>(s.size);
  keep_factor(s, factor_of(View(covariance.data(), size, size)));
  return s;
}

std::vector<double> covariance_of(const FeatureStatistics& s) {
  const View factor = view_of(s);
  const Rows covariance = factor.transpose() * factor;
  return {covariance.data(), covariance.data() + covariance.size()};
}

double frechet_distance(const FeatureStatistics& a, const FeatureStatistics& b) {
  const auto size = static_cast<Eigen::Index>(a.size);
  using Vector = Eigen::Map<const Eigen::VectorXd>;
  const double between = (Vector(a.mean.data(), size) - Vector(b.mean.data(), size)).squaredNorm();
  const View f = view_of(a), g = view_of(b);
  double common = 0;
  if (f.rows() > 0 && g.rows() > 0) {
    const Eigen::MatrixXd product = f * g.transpose();
    common = Eigen::BDCSVD<Eigen::MatrixXd>(product).singularValues().sum();
  }
  return between + f.squaredNorm() + g.squaredNorm() - 2 * common;
}

double line_at_zero(const std::vector<double>& x, const std::vector<double>& y) {
  const auto n = static_cast<double>(x.size());
  double mean_x = 0, mean_y = 0, both = 0, square = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    mean_x += x[i] / n;
    mean_y += y[i] / n;
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    both += (x[i] - mean_x) * (y[i] - mean_y);
    square += (x[i] - mean_x) * (x[i] - mean_x);
  }
  return mean_y - both / square * mean_x;
}

FeatureStatistics read_statistics(const std::filesystem::path& path) {
  const NpyFile mu(path, "mu"), sigma(path, "sigma");
  const std::vector<double> mean = read_reals(mu), covariance = read_reals(sigma);
  const auto size = static_cast<std::int64_t>(mean.size());
  if (mu.shape().size() != 1 || sigma.shape() != Shape{size, size})
    throw std::runtime_error(fmt::format("'{}' holds mu {} and sigma {}; they are [F] and [F,F]",
                                         path.string(), to_string(mu.shape()), to_string(sigma.shape())));
  return statistics_of(mean, covariance);
}

void write_statistics(const std::filesystem::path& path, const FeatureStatistics& s) {
  const auto size = static_cast<std::int64_t>(s.size);
  const std::vector<double> covariance = covariance_of(s);
  write_npz(path, {{"mu", {size}, s.mean}, {"sigma", {size, size}, covariance}});
}

}  // namespace dagfusion
