// Zip and tar archives of pictures, read where they lie, without being unpacked.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "nodes/files/picture_list.h"
#include "nodes/files/unpacked_file.h"
#include "nodes/files/zip.h"

namespace dagfusion {

class PictureArchive {
 public:
  // *.zip, or *.tar in the manner of webdataset ("0001.jpg" and "0001.cls"), which may be compressed; several are one, in
  // natural order of their names. Labels: those of dataset.json or its like inside, of *.cls, or of the first folders, as `labels` says: auto,
  // folders, none. Throws std::runtime_error that names the archive.
  PictureArchive(const std::vector<std::filesystem::path>&, const std::string& labels);
  PictureArchive(const PictureArchive&) = delete;
  PictureArchive& operator=(const PictureArchive&) = delete;

  PictureList take_list() { return std::move(list_); }
  // The file of the picture at that place of the list, on any thread. Throws without its name.
  std::vector<std::uint8_t> read(std::size_t picture) const;

 private:
  struct Member {
    std::size_t archive = 0;
    ZipMember zip;  // of a tar: name, begin in `header`, bytes
    bool plain = false;
  };
  std::vector<std::uint8_t> bytes_of(const Member&) const;
  void list(const std::vector<Member>&);
  void label(const std::vector<Member>&, const std::string& labels);
  bool label_by_cls(const std::vector<Member>&);

  std::vector<std::filesystem::path> paths_;
  std::vector<UnpackedFile> files_;
  std::vector<Member> pictures_;  // as the list has them
  PictureList list_;
};

}  // namespace dagfusion
