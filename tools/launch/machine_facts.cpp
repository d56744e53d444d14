#include "tools/launch/machine_facts.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <oneapi/tbb/version.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <opencv2/core/version.hpp>

#include "graph/version.h"
#include "nodes/files/confined.h"
#include "oneapi/dnnl/dnnl.h"
#include "tools/show/words.h"

namespace dagfusion {

namespace {

// "AMD EPYC 9B14": the first that the system names.
std::string processor() {
  std::ifstream facts("/proc/cpuinfo");
  for (std::string line; std::getline(facts, line);)
    if (line.starts_with("model name"))
      if (const std::size_t colon = line.find(": "); colon != line.npos) return line.substr(colon + 2);
  return "unknown";
}

std::string memory() {
  const double pages = static_cast<double>(sysconf(_SC_PHYS_PAGES)),
               size = static_cast<double>(sysconf(_SC_PAGESIZE));
  return bytes_in_words(pages * size);
}

std::string system_name() {
  utsname name{};
  return uname(&name) == 0 ? fmt::format("{} {} {}", name.sysname, name.release, name.machine) : "unknown";
}

std::string version_of_dnnl() {
  const dnnl_version_t* version = dnnl_version();
  return fmt::format("{}.{}.{}", version->major, version->minor, version->patch);
}

}  // namespace

std::string machine_facts(const Run& run, const std::string& instruction_set) {
  nlohmann::ordered_json machine;
  machine["started"] = fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(std::time(nullptr)));
  machine["threads"] = run.threads();
  machine["lanes"] = run.lanes();
  machine["instruction_set"] = instruction_set;
  machine["processor"] = processor();
  machine["cores"] = available_cores();
  machine["memory"] = memory();
  machine["system"] = system_name();
  machine["confinement"] = confinement_in_words();
  machine["dagfusion"] = DAGFUSION_VERSION;
  machine["oneTBB"] = TBB_runtime_version();
  machine["oneDNN"] = version_of_dnnl();
  machine["OpenCV"] = CV_VERSION;
  machine["compiler"] = __VERSION__;
  machine["working_directory"] = std::filesystem::current_path().string();
  machine["process"] = getpid();
  return machine.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace dagfusion
