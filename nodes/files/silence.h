// Keeps libraries from writing to standard error: what they say has no file's name, and ours says it.
#pragma once

namespace dagfusion {

// As long as one of them lives, on any thread, no line of libjxl that starts with a place in its source ("./lib/jxl/…")
// is seen; what others write comes a moment later.
class Silence {
 public:
  Silence();
  ~Silence();
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
};

}  // namespace dagfusion
