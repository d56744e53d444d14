#include "graph/run/frame_parcel.h"

#include <cstring>

namespace dagfusion {

namespace {

class Writer {
 public:
  template <class T>
  void number(T value) {
    text_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void bytes(const void* begin, std::size_t count) { text_.append(static_cast<const char*>(begin), count); }
  void text(const std::string& value) {
    number<std::uint64_t>(value.size());
    text_ += value;
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

// What this program itself has written a moment ago.
class Reader {
 public:
  explicit Reader(const std::string& text) : at_(text.data()) {}
  template <class T>
  T number() {
    T value;
    bytes(&value, sizeof value);
    return value;
  }
  void bytes(void* to, std::size_t count) { std::memcpy(to, std::exchange(at_, at_ + count), count); }
  std::string text() {
    std::string value(number<std::uint64_t>(), 0);
    bytes(value.data(), value.size());
    return value;
  }

 private:
  const char* at_;
};

void write(Writer& out, const std::vector<Image>& images) {
  out.number<std::uint64_t>(images.size());
  for (const Image& image : images) {
    out.number(image.height);
    out.number(image.width);
    out.number(image.channels);
    out.number<std::uint64_t>(image.pixels.size());
    out.bytes(image.pixels.data(), image.pixels.size());
    out.text(image.name);
  }
}

void read(Reader& in, std::vector<Image>& images) {
  images.resize(in.number<std::uint64_t>());
  for (Image& image : images) {
    image.height = in.number<int>();
    image.width = in.number<int>();
    image.channels = in.number<int>();
    image.pixels.resize(in.number<std::uint64_t>());
    in.bytes(image.pixels.data(), image.pixels.size());
    image.name = in.text();
  }
}

}  // namespace

std::string parcel_of(const Section& section, const Frame& frame) {
  Writer out;
  out.number<bool>(frame.dropped);
  if (frame.dropped) {
    out.text(frame.dropped_because);
    return out.take();
  }
  for (const int slot : section.plan.collected) {
    const Slot& s = section.plan.slots[slot];
    if (s.images >= 0)
      write(out, frame.images[static_cast<std::size_t>(s.images)]);
    else
      out.bytes(section.slot(slot, frame), s.spec.bytes());
  }
  return out.take();
}

void take_frame(Section& section, Frame& frame, const std::string& parcel) {
  Reader in(parcel);
  frame.elsewhere = false;
  if (in.number<bool>()) return section.drop(frame, in.text());
  for (const int slot : section.plan.collected) {
    const Slot& s = section.plan.slots[slot];
    if (s.images >= 0)
      read(in, frame.images[static_cast<std::size_t>(s.images)]);
    else
      in.bytes(section.slot(slot, frame), s.spec.bytes());
  }
}

}  // namespace dagfusion
