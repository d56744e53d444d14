// How the program ends, for whoever started it.
#pragma once

namespace dagfusion {

// sysexits.h: 75 = try again: the run was stopped and can go on.
enum Exit { kDone = 0, kFailed = 1, kUserError = 2, kStopped = 75, kAborted = 130 };

}  // namespace dagfusion
