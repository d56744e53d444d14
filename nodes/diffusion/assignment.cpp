#include "nodes/diffusion/assignment.h"

#include <limits>

namespace dagfusion {
namespace {

constexpr double kFar = std::numeric_limits<double>::infinity();

// Rows join one after the other. `price` makes pairs comparable: cost - price of row - price of column is 0 for
// pairs that are made, and never below 0.
class Assignment {
 public:
  Assignment(const std::vector<double>& cost, int n)
      : cost_(cost), n_(n), row_price_(n), column_price_(n), row_of_(n, kNobody) {}

  std::vector<int> columns() {
    for (int row = 0; row < n_; ++row) join(row);
    std::vector<int> column_of(n_);
    for (int column = 0; column < n_; ++column) column_of[row_of_[column]] = column;
    return column_of;
  }

 private:
  static constexpr int kNobody = -1;

  // The shortest way from `row` to a free column, over pairs that are made; then those pairs change along it.
  void join(int row) {
    std::vector<double> distance(n_, kFar);
    std::vector<int> from(n_, kNobody);  // the column before each on the way
    std::vector<bool> reached(n_);
    int column = kNobody, at = row;
    double so_far = 0;
    do {
      int nearest = kNobody;
      for (int c = 0; c < n_; ++c) {
        if (reached[c]) continue;
        const double way = so_far + cost_[at * n_ + c] - row_price_[at] - column_price_[c];
        if (way < distance[c]) distance[c] = way, from[c] = column;
        if (nearest == kNobody || distance[c] < distance[nearest]) nearest = c;
      }
      reached[nearest] = true;
      column = nearest;
      so_far = distance[nearest];
      at = row_of_[nearest];
    } while (at != kNobody);
    raise_prices(row, so_far, distance, reached);
    for (; column != kNobody; column = from[column])
      row_of_[column] = from[column] == kNobody ? row : row_of_[from[column]];
  }

  void raise_prices(int row, double length, const std::vector<double>& distance,
                    const std::vector<bool>& reached) {
    row_price_[row] += length;
    for (int c = 0; c < n_; ++c) {
      if (!reached[c]) continue;
      column_price_[c] += distance[c] - length;
      if (row_of_[c] != kNobody) row_price_[row_of_[c]] += length - distance[c];
    }
  }

  const std::vector<double>& cost_;
  int n_;
  std::vector<double> row_price_, column_price_;
  std::vector<int> row_of_;  // of each column
};

}  // namespace

std::vector<int> cheapest_assignment(const std::vector<double>& cost, int n) {
  return Assignment(cost, n).columns();
}

}  // namespace dagfusion
