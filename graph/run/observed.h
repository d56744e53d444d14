// Between the engine and who looks at it.
// Private to graph/, but for the micro-benchmark of what looking costs.
#pragma once

#include "graph/run/run.h"

namespace dagfusion {

// Runs the body of a task, and calls the observer before and after, if there is one.
// `visit` makes what it sees.
template <class Visit, class Body>
inline void observed(TaskObserver* observer, const Visit& visit, const Body& body) noexcept {
  if (!observer) return body();
  const auto seen = visit();
  observer->begins(seen);
  body();
  observer->ends(seen);
}

}  // namespace dagfusion
