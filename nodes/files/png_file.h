// What nodes that write pictures share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace dagfusion {

// Pixels [height, width, channels]; 1: grey, 3: red, green, blue. Throws std::runtime_error.
std::vector<std::uint8_t> encoded_png(std::span<const std::uint8_t> pixels, int height, int width,
                                      int channels);

// The same to a file that gets its name when it is on the disk, so that no reader sees half a picture.
// Folders are made. Throws std::runtime_error that names the file.
void write_png(const std::filesystem::path& path, std::span<const std::uint8_t> pixels, int height, int width,
               int channels);

// `path`, or with -2, -3, … before its ending, whichever is first not to exist.
std::filesystem::path free_path(const std::filesystem::path& path);

}  // namespace dagfusion
