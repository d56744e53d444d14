#include "nodes/files/cifar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <set>
#include <stdexcept>
#include <string_view>

#include "nodes/files/durable.h"
#include "nodes/files/file_bytes.h"
#include "nodes/files/files_matching.h"
#include "nodes/files/pickle.h"
#include "nodes/files/picture_list.h"
#include "nodes/files/tar.h"
#include "nodes/files/unpacked_file.h"
#include "nodes/files/zip.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;
constexpr std::array<const char*, 4> kFolders = {"cifar-10-batches-py", "cifar-10-batches-bin",
                                                 "cifar-100-python", "cifar-100-binary"};
constexpr const char* kReconstruct = "_reconstruct";
constexpr const char* kFromBuffer = "_frombuffer";

// A file of the set, wherever it lies.
struct Source {
  std::string name;   // its last part: "data_batch_1.bin"
  std::string where;  // for messages
  std::function<std::string()> read;
};

bool knows(const std::string& name) {
  static const std::set<std::string> kNames = {"_codecs encode",
                                               "numpy ndarray",
                                               "numpy dtype",
                                               "numpy.core.multiarray _reconstruct",
                                               "numpy._core.multiarray _reconstruct",
                                               "numpy.core.numeric _frombuffer",
                                               "numpy._core.numeric _frombuffer"};
  return kNames.contains(name);
}

// The bytes that UTF-8 holds as the characters 0 … 255.
std::string from_latin1(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto first = static_cast<unsigned char>(text[i]);
    if (first < 0x80) {
      bytes += text[i];
    } else if ((first & 0xFC) == 0xC0 && i + 1 < text.size()) {
      bytes += static_cast<char>((first & 3) << 6 | (static_cast<unsigned char>(text[++i]) & 0x3F));
    } else {
      throw std::runtime_error("holds a damaged pickle: bytes that are none");
    }
  }
  return bytes;
}

// One file of the python version: a map of data, labels (or fine_labels) and filenames.
class Batch {
 public:
  explicit Batch(const std::string& file)
      : pickle_({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()}, knows_) {
    if (pickle_.root().kind != Pickle::Kind::map) throw std::runtime_error("holds a pickle that is no map");
  }

  void take(CifarSet& set) const {
    const Pickle::Value* data = find("data");
    const Pickle::Value* labels = find("fine_labels");
    if (!labels) labels = find("labels");
    if (!data || !labels) throw std::runtime_error("holds a pickle without 'data' and 'labels'");
    const std::string pixels = bytes_of_array(*data);
    if (pixels.empty() || pixels.size() != labels->items.size() * static_cast<std::size_t>(kCifarPixels))
      throw std::runtime_error(fmt::format("holds {} bytes of pixels for {} labels; an image has {}",
                                           pixels.size(), labels->items.size(), kCifarPixels));
    set.pixels.insert(set.pixels.end(), pixels.begin(), pixels.end());
    for (const int label : labels->items) {
      const Pickle::Value& number = pickle_.at(label);
      if (number.kind != Pickle::Kind::integer || number.integer < 0 || number.integer > 255)
        throw std::runtime_error("holds a label that is no number from 0 to 255");
      set.labels.push_back(static_cast<std::int32_t>(number.integer));
    }
    if (const Pickle::Value* names = find("filenames"); names && names->items.size() == labels->items.size())
      for (std::string& name : texts(*names)) set.names.push_back(std::move(name));
  }

  std::vector<std::string> class_names() const {
    const Pickle::Value* names = find("fine_label_names");
    if (!names) names = find("label_names");
    return names ? texts(*names) : std::vector<std::string>{};
  }

 private:
  const Pickle::Value* find(std::string_view key) const {
    const std::vector<int>& items = pickle_.root().items;
    for (std::size_t i = 0; i + 1 < items.size(); i += 2)
      if (text_of(pickle_.at(items[i])) == key) return &pickle_.at(items[i + 1]);
    return nullptr;
  }

  // Python 3 writes bytes in protocol 2 as a call of codecs.encode.
  std::string text_of(const Pickle::Value& value) const {
    if (!pickle_.calls(value, "_codecs encode")) return value.text;
    const Pickle::Value& arguments = pickle_.item(value, 1);
    return arguments.items.empty() ? "" : from_latin1(pickle_.item(arguments, 0).text);
  }

  std::vector<std::string> texts(const Pickle::Value& list) const {
    std::vector<std::string> all;
    for (const int item : list.items) all.push_back(text_of(pickle_.at(item)));
    return all;
  }

  void expect_bytes(const Pickle::Value& dtype) const {
    const bool of_bytes = pickle_.calls(dtype, "numpy dtype") && !pickle_.item(dtype, 1).items.empty() &&
                          pickle_.item(pickle_.item(dtype, 1), 0).text == "u1";
    if (!of_bytes) throw std::runtime_error("holds an array that is not of bytes");
  }

  std::string bytes_of_array(const Pickle::Value& array) const {
    const auto fault = [] { return std::runtime_error("holds a 'data' that is no array of NumPy"); };
    if (array.kind != Pickle::Kind::call) throw fault();
    const std::string& name = pickle_.item(array, 0).text;
    if (name.ends_with(kFromBuffer)) {  // protocol 5: bytes, dtype, shape, order
      const Pickle::Value& arguments = pickle_.item(array, 1);
      if (arguments.items.size() < 4) throw fault();
      expect_bytes(pickle_.item(arguments, 1));
      if (pickle_.item(arguments, 3).text != "C") throw std::runtime_error("holds an array in Fortran order");
      return pickle_.item(arguments, 0).text;
    }
    if (!name.ends_with(kReconstruct) || array.state < 0) throw fault();
    const Pickle::Value& state = pickle_.at(array.state);  // version, shape, dtype, Fortran order, bytes
    if (state.items.size() < 5) throw fault();
    expect_bytes(pickle_.item(state, 2));
    if (pickle_.item(state, 3).integer != 0) throw std::runtime_error("holds an array in Fortran order");
    return text_of(pickle_.item(state, 4));
  }

  std::function<bool(const std::string&)> knows_ = knows;
  Pickle pickle_;
};

bool is_pickle(const std::string& file) { return file.size() > 1 && file[0] == '\x80' && file[1] <= 5; }

std::vector<Source> sources_in_folder(const fs::path& folder) {
  std::vector<Source> all;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file())
      all.push_back({entry.path().filename().string(), entry.path().string(),
                     [path = entry.path()] { return read_text(path, kMostBytes); }});
  return all;
}

std::vector<Source> sources_in_archive(const fs::path& path) {
  const auto file = std::make_shared<UnpackedFile>(path);
  std::vector<Source> all;
  for (const TarMember& member : list_tar(file->descriptor(), file->bytes()))
    all.push_back(
        {fs::path(member.name).filename().string(), path.string() + "/" + member.name, [file, member] {
           if (member.bytes > kMostBytes) throw std::runtime_error("is too large");
           std::string bytes(member.bytes, '\0');
           if (!read_at(file->descriptor(), member.begin, bytes.data(), bytes.size()))
             throw std::runtime_error("is cut short in its archive");
           return bytes;
         }});
  return all;
}

bool is_of(const std::string& name, CifarPart part) {
  const bool train = name.starts_with("data_batch_") || name == "train" || name == "train.bin";
  const bool test = name == "test_batch" || name == "test_batch.bin" || name == "test" || name == "test.bin";
  return part == CifarPart::train ? train : part == CifarPart::test ? test : train || test;
}

bool is_known(const std::string& name) { return is_of(name, CifarPart::all); }

// The folder itself, or the one folder of CIFAR in it.
fs::path folder_of(const fs::path& path) {
  for (const Source& source : sources_in_folder(path))
    if (is_known(source.name)) return path;
  for (const char* name : kFolders)
    if (fs::is_directory(path / name)) return path / name;
  return path;
}

// One byte of label before the pixels, or two of CIFAR-100: the coarse one, the fine one.
void take_binary(const std::string& file, std::size_t& record, CifarSet& set) {
  const std::size_t one = kCifarPixels + 1, two = kCifarPixels + 2;
  const std::size_t bytes = file.size() % one == 0 ? one : file.size() % two == 0 ? two : 0;
  if (file.empty() || bytes == 0 || (record != 0 && bytes != record))
    throw std::runtime_error(
        fmt::format("has {} bytes, which are no images of {} or {}", file.size(), one, two));
  record = bytes;
  for (std::size_t at = 0; at < file.size(); at += record) {
    const std::size_t pixels = at + record - kCifarPixels;
    set.labels.push_back(static_cast<unsigned char>(file[pixels - 1]));
    set.pixels.insert(set.pixels.end(), file.begin() + static_cast<std::ptrdiff_t>(pixels),
                      file.begin() + static_cast<std::ptrdiff_t>(pixels) + kCifarPixels);
  }
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    while (!line.empty() && line.back() <= ' ') line.pop_back();
    if (!line.empty()) lines.push_back(line);
    begin = end + 1;
  }
  return lines;
}

void take_class_names(const std::vector<Source>& beside, CifarSet& set) {
  for (const char* name : {"batches.meta.txt", "fine_label_names.txt", "batches.meta", "meta"})
    for (const Source& source : beside)
      if (source.name == name && set.classes.empty()) {
        const std::string file = source.read();
        set.classes = is_pickle(file) ? Batch(file).class_names() : lines_of(file);
      }
}

}  // namespace

CifarSet read_cifar(const std::string& path, CifarPart part) {
  std::vector<Source> beside, chosen;
  const bool folder = fs::is_directory(path);
  if (folder || is_named_like_tar(path)) {
    beside = folder ? sources_in_folder(folder_of(path)) : sources_in_archive(path);
    std::copy_if(beside.begin(), beside.end(), std::back_inserter(chosen),
                 [&](const Source& source) { return is_of(source.name, part); });
    std::sort(chosen.begin(), chosen.end(),
              [](const Source& a, const Source& b) { return natural_less(a.name, b.name); });
    if (part == CifarPart::all)  // the training images first
      std::stable_partition(chosen.begin(), chosen.end(),
                            [](const Source& source) { return is_of(source.name, CifarPart::train); });
  } else {
    for (const fs::path& file : files_matching(path))
      chosen.push_back(
          {file.filename().string(), file.string(), [file] { return read_text(file, kMostBytes); }});
    if (!chosen.empty()) beside = sources_in_folder(fs::absolute(chosen[0].where).parent_path());
  }
  if (chosen.empty())
    throw std::runtime_error(fmt::format(
        "'{}' holds no {} of CIFAR", path,
        part == CifarPart::test ? "test_batch, test_batch.bin, test or test.bin"
                                : "data_batch_1 and its like, data_batch_1.bin, train or train.bin"));
  CifarSet set;
  std::size_t record = 0;
  for (const Source& source : chosen) {
    const std::string file = source.read();
    try {
      if (is_pickle(file))
        Batch(file).take(set);
      else
        take_binary(file, record, set);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(fmt::format("'{}' {}", source.where, error.what()));
    }
  }
  if (set.names.size() != set.labels.size()) set.names.clear();
  take_class_names(beside, set);
  return set;
}

}  // namespace dagfusion
