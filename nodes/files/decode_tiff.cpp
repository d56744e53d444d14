// TIFF, by libtiff: TIFF 6.0, Adobe 1992. The first page; 16 bits are rounded to 8 by the library.
#include <tiffio.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "nodes/files/codecs.h"

namespace dagfusion {
namespace {

// The bytes of a file as libtiff asks for them, and whether it complained.
struct Reading {
  std::span<const std::uint8_t> file;
  std::uint64_t at = 0;
  bool complained = false;
};

Reading& reading(thandle_t handle) { return *static_cast<Reading*>(handle); }

tmsize_t take_bytes(thandle_t handle, void* to, tmsize_t count) {
  Reading& r = reading(handle);
  if (count < 0 || r.at >= r.file.size()) return 0;
  const auto taken =
      std::min(r.file.size() - static_cast<std::size_t>(r.at), static_cast<std::size_t>(count));
  std::memcpy(to, r.file.data() + r.at, taken);
  r.at += taken;
  return static_cast<tmsize_t>(taken);
}

tmsize_t take_nothing(thandle_t, void*, tmsize_t) { return 0; }

toff_t go_to(thandle_t handle, toff_t where, int from) {
  Reading& r = reading(handle);
  r.at = from == SEEK_CUR ? r.at + where : from == SEEK_END ? r.file.size() + where : where;
  return r.at;
}

int do_nothing(thandle_t) { return 0; }
toff_t size_of_file(thandle_t handle) { return reading(handle).file.size(); }

void remember_complaint(thandle_t handle, const char*, const char*, va_list) {
  if (handle) reading(handle).complained = true;
}

// The library's messages are the process's; ours says which file it is.
void stay_silent() {
  static const bool once = [] {
    TIFFSetErrorHandler(nullptr);
    TIFFSetWarningHandler(nullptr);
    TIFFSetErrorHandlerExt(remember_complaint);
    return true;
  }();
  static_cast<void>(once);
}

struct Closes {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};

void take_profile(TIFF* tiff, Decoded& decoded) {
  std::uint32_t bytes = 0;
  const std::uint8_t* profile = nullptr;
  if (TIFFGetField(tiff, TIFFTAG_ICCPROFILE, &bytes, &profile) == 1 && profile)
    decoded.profile.assign(profile, profile + bytes);
}

}  // namespace

Decoded decode_tiff(std::span<const std::uint8_t> file) {
  stay_silent();
  Reading input{.file = file};
  const std::unique_ptr<TIFF, Closes> tiff(TIFFClientOpen("picture", "rm", &input, take_bytes, take_nothing,
                                                          go_to, do_nothing, size_of_file, nullptr, nullptr));
  std::uint32_t width = 0, height = 0;
  if (!tiff || TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &width) != 1 ||
      TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &height) != 1)
    throw std::runtime_error(kDamaged);
  refuse_too_large(height, width);
  std::uint16_t orientation = ORIENTATION_TOPLEFT, samples = 1, bits = 1;
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_ORIENTATION, &orientation);
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_SAMPLESPERPIXEL, &samples);
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_BITSPERSAMPLE, &bits);
  if (bits > 16)
    throw std::runtime_error(
        "is a TIFF file of numbers of 32 bits or more; pack_npy packs such arrays from a .npy file");
  if (orientation < ORIENTATION_TOPLEFT || orientation > ORIENTATION_LEFTBOT)
    orientation = ORIENTATION_TOPLEFT;

  Decoded decoded{.height = static_cast<int>(height),
                  .width = static_cast<int>(width),
                  .channels = 4,
                  .orientation = orientation};
  decoded.pixels.resize(std::size_t{height} * width * 4);
  auto* raster = reinterpret_cast<std::uint32_t*>(decoded.pixels.data());  // red in the lowest byte
  constexpr int kStopOnError = 1;
  if (TIFFReadRGBAImageOriented(tiff.get(), width, height, raster, orientation, kStopOnError) != 1 ||
      input.complained)
    throw std::runtime_error(kDamaged);
  divide_by_alpha(decoded);
  take_profile(tiff.get(), decoded);
  if (TIFFLastDirectory(tiff.get()) == 0) decoded.more = More::pages;
  return decoded;
}

}  // namespace dagfusion
