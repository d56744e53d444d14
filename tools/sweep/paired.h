// Statistics of paired differences.
#pragma once

#include <vector>

namespace dagfusion {

struct Interval {
  double mean = 0, low = 0, high = 0;  // the mean, and where it lies with 95 % confidence
  int count = 0;
};

// Mean of the differences, with Student's t on count - 1 degrees of freedom;
// of fewer than two values the interval is the whole line.
Interval interval_of(const std::vector<double>& differences);

// The 97.5 % quantile of Student's t distribution:
// 12.706 for 1 degree of freedom, 4.303 for 2, 1.960 for many.
double student_t(int degrees);

}  // namespace dagfusion
