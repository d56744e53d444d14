#include "nodes/files/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "graph/values/open_file.h"
#include "nodes/files/crc32c.h"
#include "nodes/files/durable.h"

namespace dagfusion {
namespace {

constexpr const char* kTitle = "dagfusion checkpoint, format 1\n";
constexpr std::uint64_t kLargestManifest = 1 << 20;

std::string last_line(std::string_view above) {
  return fmt::format("manifest {:08x}\n", crc32c(std::as_bytes(std::span(above))));
}

std::vector<ManifestEntry> parse_manifest(const std::string& text) {
  const std::size_t last = text.rfind("manifest ");
  if (last == text.npos || text.substr(last) != last_line(std::string_view(text).substr(0, last))) {
    throw std::runtime_error(std::string(kManifest) + " is damaged");
  }
  if (!text.starts_with(kTitle)) throw std::runtime_error(std::string(kManifest) + " is of another format");
  std::istringstream lines(text.substr(0, last).substr(std::string_view(kTitle).size()));
  std::vector<ManifestEntry> entries;
  ManifestEntry entry;
  while (lines >> std::hex >> entry.crc32c >> std::dec >> entry.bytes >> entry.name) entries.push_back(entry);
  return entries;
}

void verify(const std::filesystem::path& directory, const ManifestEntry& entry) {
  const std::filesystem::path path = directory / entry.name;
  if (entry.name.find('/') != entry.name.npos || !std::filesystem::is_regular_file(path)) {
    throw std::runtime_error(entry.name + " is missing");
  }
  const std::uint64_t bytes = std::filesystem::file_size(path);
  if (bytes != entry.bytes) {
    throw std::runtime_error(fmt::format("{} has {} bytes instead of {}", entry.name, bytes, entry.bytes));
  }
  const ManifestEntry found = read_entry(path);
  if (found.bytes != entry.bytes || found.crc32c != entry.crc32c)
    throw std::runtime_error(entry.name + " is damaged");
}

}  // namespace

ManifestEntry read_entry(const std::filesystem::path& path) {
  ManifestEntry entry = {.name = path.filename().string()};
  std::ifstream file = open_file(path);
  std::vector<char> block(1 << 20);
  while (file.read(block.data(), static_cast<std::streamsize>(block.size())) || file.gcount() > 0) {
    const auto count = static_cast<std::size_t>(file.gcount());
    entry.crc32c = crc32c(std::as_bytes(std::span(block)).first(count), entry.crc32c);
    entry.bytes += count;
  }
  return entry;
}

std::string manifest_text(std::vector<ManifestEntry> entries) {
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  std::string text = kTitle;
  for (const auto& [name, bytes, crc] : entries) text += fmt::format("{:08x} {} {}\n", crc, bytes, name);
  return text + last_line(text);
}

std::vector<std::string> verify_manifest(const std::filesystem::path& directory) {
  if (!std::filesystem::exists(directory / kManifest))
    throw std::runtime_error(std::string(kManifest) + " is missing");
  std::vector<std::string> names;
  for (const ManifestEntry& entry : parse_manifest(read_text(directory / kManifest, kLargestManifest))) {
    verify(directory, entry);
    names.push_back(entry.name);
  }
  return names;
}

}  // namespace dagfusion
