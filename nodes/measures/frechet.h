// The distance between two heaps of features, each taken for a Gaussian.
// Dowson and Landau 1982; as FID: Heusel et al. 2017, arXiv:1706.08500, eq. 6.
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include "nodes/measures/features.h"

namespace dagfusion {

// The mean, and a factor F of the covariance: covariance = F^T F.
struct FeatureStatistics {
  std::size_t size = 0;        // numbers of one image
  std::vector<double> mean;    // [size]
  std::vector<double> factor;  // [rows, size], row by row
  std::size_t rows() const { return size == 0 ? 0 : factor.size() / size; }
};

// Of at least two images; the covariance is that of a sample, divided by count - 1.
FeatureStatistics statistics_of(const Features&);
// Of a mean and a covariance [size, size].
FeatureStatistics statistics_of(std::vector<double> mean, std::vector<double> covariance);
// [size, size], row by row.
std::vector<double> covariance_of(const FeatureStatistics&);

// |mean1 - mean2|^2 + tr C1 + tr C2 - 2 tr sqrt(C1 C2), where tr sqrt(C1 C2) is the sum of the singular values of
// F1 F2^T: these are real whatever the rank, which a square root of the product is not.
double frechet_distance(const FeatureStatistics&, const FeatureStatistics&);

// The value at x = 0 of the straight line that is nearest to all points.
double line_at_zero(const std::vector<double>& x, const std::vector<double>& y);

// mu [size] and sigma [size, size] in float64, as the programs of the field keep them in .npz files.
// Both throw std::runtime_error that names the file.
FeatureStatistics read_statistics(const std::filesystem::path&);
void write_statistics(const std::filesystem::path&, const FeatureStatistics&);

}  // namespace dagfusion
