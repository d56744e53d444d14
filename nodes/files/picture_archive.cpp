#include "nodes/files/picture_archive.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <stdexcept>

#include "nodes/files/file_bytes.h"
#include "nodes/files/tar.h"

namespace dagfusion {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;

// What the files of one sample have in common: the name up to the first dot behind the last slash.
std::string sample_of(const std::string& name) {
  const std::size_t slash = name.rfind('/');
  return name.substr(0, name.find('.', slash == std::string::npos ? 0 : slash + 1));
}

std::string trimmed(const std::vector<std::uint8_t>& bytes) {
  std::string text(bytes.begin(), bytes.end());
  const auto is_space = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (!text.empty() && is_space(text.back())) text.pop_back();
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), is_space));
  return text;
}

}  // namespace

PictureArchive::PictureArchive(const std::vector<std::filesystem::path>& paths, const std::string& labels)
    : paths_(paths) {
  std::vector<Member> all;
  for (std::size_t a = 0; a < paths.size(); ++a) {
    const UnpackedFile& file = files_.emplace_back(paths[a]);
    try {
      if (is_named_like_tar(paths[a]))
        for (TarMember& m : list_tar(file.descriptor(), file.bytes()))
          all.push_back(
              {a,
               {.name = std::move(m.name), .header = m.begin, .packed_bytes = m.bytes, .bytes = m.bytes},
               true});
      else
        for (ZipMember& m : list_zip(file.descriptor(), file.bytes()))
          all.push_back({a, std::move(m), false});
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(fmt::format("'{}' {}", paths[a].string(), error.what()));
    }
  }
  list(all);
  label(all, labels);
}

void PictureArchive::list(const std::vector<Member>& all) {
  std::vector<std::string> names;
  for (const Member& m : all) names.push_back(m.zip.name);
  const std::vector<std::size_t> pictures = pictures_among(names, list_.left_out);
  for (const std::size_t p : pictures) {
    pictures_.push_back(all[p]);
    list_.files.push_back({all[p].zip.name, all[p].zip.bytes, -1});
  }
}

void PictureArchive::label(const std::vector<Member>& all, const std::string& labels) {
  if (labels == "none") return;
  if (labels == "auto") {
    if (label_by_cls(all)) return;
    for (const char* name : kLabelFiles)
      for (const Member& m : all)
        if (m.zip.name == name) {
          const std::vector<std::uint8_t> bytes = bytes_of(m);
          return label_by_text(list_, m.zip.name, {bytes.begin(), bytes.end()});
        }
  }
  std::vector<std::string> folders;
  for (const Member& m : all)
    if (const std::size_t slash = m.zip.name.find('/');
        slash != std::string::npos && m.zip.name.front() != '.')
      folders.push_back(m.zip.name.substr(0, slash));
  label_by_folders(list_, std::move(folders));
}

bool PictureArchive::label_by_cls(const std::vector<Member>& all) {
  std::map<std::string, std::string> classes;
  for (const Member& m : all)
    if (m.zip.name.ends_with(".cls")) classes[sample_of(m.zip.name)] = trimmed(bytes_of(m));
  if (classes.empty()) return false;
  std::map<std::string, std::string> of;
  for (const PictureFile& picture : list_.files)
    if (const auto found = classes.find(sample_of(picture.name)); found != classes.end())
      of[picture.name] = found->second;
  label_by_names(list_, of, ".cls files");
  return true;
}

std::vector<std::uint8_t> PictureArchive::bytes_of(const Member& member) const {
  if (!member.plain) return read_zip_member(files_[member.archive].descriptor(), member.zip, kMostBytes);
  if (member.zip.bytes > kMostBytes)
    throw std::runtime_error(fmt::format("is {} bytes long; the limit is {}", member.zip.bytes, kMostBytes));
  std::vector<std::uint8_t> bytes(member.zip.bytes);
  if (!read_at(files_[member.archive].descriptor(), member.zip.header, bytes.data(), bytes.size()))
    throw std::runtime_error("is cut short in its archive");
  return bytes;
}

std::vector<std::uint8_t> PictureArchive::read(std::size_t picture) const {
  return bytes_of(pictures_[picture]);
}

}  // namespace dagfusion
