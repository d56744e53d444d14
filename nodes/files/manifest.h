// MANIFEST: what a checkpoint consists of, and the proof that it is whole. Written last; its own last line
// checks the rest.
//
//   dagfusion checkpoint, format 1
//   3f1c2b8a 142606336 weights.safetensors        CRC32C, bytes, name; sorted by name
//   manifest 0d9e44c1                             CRC32C of all lines above
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace dagfusion {

struct ManifestEntry {
  std::string name;
  std::uint64_t bytes = 0;
  std::uint32_t crc32c = 0;
};

inline constexpr const char* kManifest = "MANIFEST";

ManifestEntry read_entry(const std::filesystem::path&);  // of one file, as far as it can be read
std::string manifest_text(std::vector<ManifestEntry>);

// Reads every file that the manifest lists and returns their names. Throws std::runtime_error that says which
// file is damaged and how.
std::vector<std::string> verify_manifest(const std::filesystem::path& directory);

}  // namespace dagfusion
