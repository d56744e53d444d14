// The report of a training, written anew after each preview while it runs, and at its end.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

#include "tools/launch/launch.h"

namespace dagfusion {

inline constexpr const char* kReport = "report.html";

// Works in a thread of its own with the lowest priority, which reads files and what the run tells of its progress: so it
// holds no step up and changes no bit.
class LiveReport {
 public:
  explicit LiveReport(const Launch&);  // nothing happens where nothing is trained
  ~LiveReport();

  std::string finish();  // writes the last one; says where it is, or why there is none

 private:
  void follow();
  void write(bool over) const;
  void stop();

  const Launch& launch_;
  const bool wanted_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool over_ = false;
  std::size_t seen_ = 0;  // pictures of previews
  std::thread thread_;
};

}  // namespace dagfusion
