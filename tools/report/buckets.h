// A long column in few points that keep its extremes: rows are cut into buckets of equal size, and of each the mean, the
// least and the largest value stay.
#pragma once

#include <cstddef>
#include <vector>

namespace dagfusion {

struct Bucketed {
  std::vector<double> mean, least, most;  // of what is finite in a bucket; nan where nothing is
};

std::size_t buckets_of(std::size_t rows, std::size_t most_buckets);  // as many as rows, at most that
// The row behind the last one of a bucket.
std::size_t end_of_bucket(std::size_t bucket, std::size_t buckets, std::size_t rows);

Bucketed in_buckets(const std::vector<double>& values, std::size_t buckets);

}  // namespace dagfusion
