#include "tools/report/pictures.h"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <opencv2/imgproc.hpp>

#include "nodes/files/decode.h"
#include "nodes/files/durable.h"
#include "nodes/files/png_file.h"
#include "nodes/files/previews.h"
#include "tools/show/base64.h"

namespace dagfusion {

namespace {

// libpng's colour types 0 and 4: grey without and with transparency.
bool is_grey(const std::string& png) {
  constexpr std::size_t kColourType = 25;
  return png.size() > kColourType && (png[kColourType] == 0 || png[kColourType] == 4);
}

// The same at a size that a page can carry; as it is where it cannot be read.
std::string smaller(const std::string& png, std::size_t most_bytes) {
  if (png.size() <= most_bytes) return png;
  const int channels = is_grey(png) ? 1 : 3;
  try {
    Image whole =
        decode_image({reinterpret_cast<const std::uint8_t*>(png.data()), png.size()}, {.channels = channels});
    const cv::Mat pixels(whole.height, whole.width, CV_8UC(channels), whole.pixels.data());
    for (double scale = std::sqrt(static_cast<double>(most_bytes) / static_cast<double>(png.size()));
         scale > 0.01; scale *= 0.7) {
      cv::Mat small;
      cv::resize(pixels, small, {}, scale, scale, cv::INTER_AREA);
      const std::vector<std::uint8_t> bytes =
          encoded_png({small.data, small.total() * small.elemSize()}, small.rows, small.cols, channels);
      if (bytes.size() <= most_bytes) return {bytes.begin(), bytes.end()};
    }
  } catch (const cv::Exception&) {       // too small to be resized
  } catch (const std::runtime_error&) {  // no picture after all
  }
  return {};
}

// Every second one stays, and always the first and the last.
std::vector<Preview> every_second(const std::vector<Preview>& all) {
  std::vector<Preview> kept;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (i % 2 == 0 || i + 1 == all.size()) kept.push_back(all[i]);
  return kept;
}

std::size_t bytes_of(const std::vector<Preview>& all, std::size_t most_of_one) {
  std::size_t bytes = 0;
  for (const Preview& p : all) {
    std::error_code gone;
    const std::uintmax_t size = std::filesystem::file_size(p.picture, gone);
    bytes += gone ? 0 : std::min<std::size_t>(size, most_of_one);
  }
  return bytes;
}

}  // namespace

PagePictures add_pictures(const std::filesystem::path& run, std::size_t most_bytes,
                          nlohmann::ordered_json& list) {
  constexpr std::size_t kLeastShare = 4;          // so many of each name fit in any case
  const std::size_t of_png = most_bytes / 4 * 3;  // in base64
  std::map<std::string, std::vector<Preview>> by_name;
  for (Preview& p : previews_of(run)) by_name[p.picture.filename().string()].push_back(std::move(p));
  PagePictures added;
  const std::size_t most_of_one = of_png / kLeastShare / std::max<std::size_t>(1, by_name.size());
  const auto bytes = [&](const auto& named) { return bytes_of(named.second, most_of_one); };
  for (;;) {
    std::size_t all = 0;
    auto largest = by_name.end();  // of those that can become fewer
    for (auto one = by_name.begin(); one != by_name.end(); ++one) {
      all += bytes(*one);
      if (one->second.size() > 2 && (largest == by_name.end() || bytes(*one) > bytes(*largest)))
        largest = one;
    }
    if (all <= of_png || largest == by_name.end()) break;
    const std::size_t found = largest->second.size();
    largest->second = every_second(largest->second);
    added.left_out += static_cast<int>(found - largest->second.size());
  }
  for (const auto& [name, all] : by_name)
    for (const Preview& p : all) {
      std::error_code gone;
      if (!std::filesystem::exists(p.picture, gone)) continue;
      const std::string png = smaller(read_text(p.picture), most_of_one);
      if (!png.empty()) list.push_back({{"step", p.step}, {"name", name}, {"data", png_in_page(png)}});
    }
  return added;
}

}  // namespace dagfusion
