// What nodes that write pictures share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

namespace dagfusion {

// Writes pixels [height, width, channels] (1: grey, 3: red, green, blue) to a file beside `path`,
// then renames it, so that no reader sees half a picture.
// Folders are made. Throws std::runtime_error that names the file.
void write_png(const std::filesystem::path& path, std::span<const std::uint8_t> pixels, int height, int width,
               int channels);

// `path`, or with -2, -3, … before its ending, whichever is first not to exist.
std::filesystem::path free_path(const std::filesystem::path& path);

}  // namespace dagfusion
