// Whom to pair with whom, so that the sum of all costs is least.
#pragma once

#include <vector>

namespace dagfusion {

// cost: [n,n] row by row. Returns the column of each row. Exact, in O(n^3); of several best answers always the same.
// Jonker, Volgenant 1987, "A Shortest Augmenting Path Algorithm for Dense and Sparse Linear Assignment Problems",
// doi:10.1007/BF02278710.
std::vector<int> cheapest_assignment(const std::vector<double>& cost, int n);

}  // namespace dagfusion
