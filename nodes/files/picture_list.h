// What a folder holds: its pictures, their classes, and what is left out.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dagfusion {

struct PictureFile {
  std::string name;  // below the folder
  std::uintmax_t bytes = 0;
  std::int32_t label = -1;
};

struct PictureList {
  std::vector<PictureFile> files;     // in the order of their names' bytes
  std::vector<std::string> classes;   // names, by label
  std::vector<std::string> left_out;  // sentences: "2 files of other kinds are left out: 1 .gif, 1 .tif"
  std::string labels_from;            // "folders", or the file's name; empty without labels
};

// Takes *.png, *.jpg, *.jpeg, *.jpe, *.jfif, *.webp, *.bmp, *.tif, *.tiff, *.gif, *.heic, *.heif, *.avif and *.jxl in either case; hidden files and folders are left out, links to
// folders are not followed. Throws std::runtime_error that names what cannot be read.
PictureList list_pictures(const std::filesystem::path& folder, bool recursive);

// The classes are the first folders, numbered in natural order; a folder without pictures keeps its number.
void label_by_folder(PictureList&, const std::filesystem::path& folder);

// The labels that `file` gives: dataset.json of StyleGAN and EDM ({"labels": [["a.png", 3], …]}), *.jsonl with a line
// {"file_name": "a.png", "label": "cat"} a picture, or *.csv with such columns. Names become numbers in natural order.
void label_by_file(PictureList&, const std::filesystem::path& file);

// dataset.json, metadata.jsonl, metadata.csv or labels.csv in the folder; empty when there is none.
std::filesystem::path label_file_in(const std::filesystem::path& folder);

// The same for names that are no folder: the first folders of an archive's members, or the text of a label file.
void label_by_folders(PictureList&, std::vector<std::string> folders);
void label_by_text(PictureList&, const std::string& name, const std::string& text);
// A class for each picture that is named, as a number or a text; `from` is where they stand, for messages.
void label_by_names(PictureList&, const std::map<std::string, std::string>& classes, const std::string& from);

// Which of these names are pictures, by their endings, in the order of their bytes; what is left out is named.
std::vector<std::size_t> pictures_among(const std::vector<std::string>& names,
                                        std::vector<std::string>& left_out);

inline constexpr std::array<const char*, 4> kLabelFiles = {"dataset.json", "metadata.jsonl", "metadata.csv",
                                                           "labels.csv"};

// "2" before "10": digits count as numbers.
bool natural_less(std::string_view, std::string_view);

// "pictures: 3 .gif, 12 .png", when they are of more than one kind.
std::string several_kinds(const PictureList&);

// "cat 12, dog 3", from number 0 on; long lists are cut.
std::string class_counts(const std::vector<std::string>& classes, const std::vector<std::int64_t>& counts);

}  // namespace dagfusion
