// Keeps libraries from writing to standard error: what they say has no file's name, and ours says it.
#pragma once

namespace dagfusion {

// As long as one of them lives, on any thread, nothing that the process writes to standard error is seen.
class Silence {
 public:
  Silence();
  ~Silence();
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
};

}  // namespace dagfusion
