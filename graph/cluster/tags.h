// What messages between the processes of a run are about. Private to graph/cluster.
#pragma once

namespace dagfusion {

enum Tag : int {
  kSignOfLife = 1,
  kFailure,
  kGatheredLength,
  kGathered,
  kFirstSum = 16,     // two for each sum: its parts, and the whole
  kFirstText = 8192,  // two for each text: its length, and itself; every MPI has tags up to 32767
  kTextsAtOnce = 8192
};

}  // namespace dagfusion
