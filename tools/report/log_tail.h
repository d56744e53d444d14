// The log of a run as it grows: what has come since the last look is read, and no more.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace dagfusion {

struct LoggedLoss {
  double step = 0, seconds = 0, loss = 0;
};

class LogTail {
 public:
  explicit LogTail(std::filesystem::path csv) : path_(std::move(csv)) {}

  // All losses so far. Begins anew where the file has become shorter: the run goes on from an earlier step.
  const std::vector<LoggedLoss>& read();

 private:
  void take(const std::string& line);

  std::filesystem::path path_;
  std::uintmax_t read_ = 0;
  std::string rest_;  // a line that is not whole yet
  std::vector<std::string> columns_;
  std::vector<LoggedLoss> losses_;
};

}  // namespace dagfusion
