// The scores of the node precision_recall, of two heaps of features of any sizes.
#pragma once

#include "nodes/measures/features.h"

namespace dagfusion {

struct PrecisionRecallScores {
  double precision, recall, density, coverage;
};

// Balls reach to the neighbour number `near` (precision, recall) and `wide` (density, coverage); each heap has more
// rows than either.
PrecisionRecallScores precision_recall_scores(const Features& samples, const Features& reference,
                                              std::size_t near, std::size_t wide);

}  // namespace dagfusion
