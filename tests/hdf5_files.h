// HDF5 files as tests want them: sound ones, odd ones and hostile ones. All through the library's C
// interface.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

namespace dagfusion::tests {

// A new file; closed with this object.
class NewHdf5 {
 public:
  explicit NewHdf5(const std::string& path, bool latest = true) {
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (latest) H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
    file_ = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
  }
  ~NewHdf5() { H5Fclose(file_); }
  NewHdf5(const NewHdf5&) = delete;
  NewHdf5& operator=(const NewHdf5&) = delete;
  operator hid_t() const { return file_; }

  void version(int value) const {
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(file_, "version", H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, H5T_NATIVE_INT, &value);
    H5Aclose(attribute);
    H5Sclose(space);
  }

  // A dataset of bytes 0, 1, 2, …; `shaped` sets layout and filters.
  void bytes(const char* name, const std::vector<hsize_t>& sides, const std::function<void(hid_t)>& shaped,
             hid_t type = H5T_STD_U8LE, bool write = true) const {
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    shaped(creation);
    const std::vector<hsize_t> endless(sides.size(), H5S_UNLIMITED);
    const bool chunked = H5Pget_layout(creation) == H5D_CHUNKED;
    const hid_t space =
        H5Screate_simple(static_cast<int>(sides.size()), sides.data(), chunked ? endless.data() : nullptr);
    const hid_t dataset = H5Dcreate2(file_, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    if (write && H5Sget_simple_extent_npoints(space) > 0) {
      std::vector<std::uint8_t> values(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)));
      std::iota(values.begin(), values.end(), std::uint8_t{0});
      H5Dwrite(dataset, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    }
    H5Dclose(dataset);
    H5Pclose(creation);
    H5Sclose(space);
  }

  // One deflated chunk for each image.
  void images(const std::vector<hsize_t>& sides) const {
    bytes("images", sides, [&](hid_t creation) {
      std::vector<hsize_t> chunk = sides;
      chunk[0] = 1;
      H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
      H5Pset_deflate(creation, 4);
    });
  }

  void numbers(const char* name, const std::vector<std::int64_t>& values, hid_t type = H5T_STD_I64LE) const {
    const hsize_t length = values.size();
    const hid_t space = H5Screate_simple(1, &length, nullptr);
    const hid_t dataset = H5Dcreate2(file_, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    H5Dclose(dataset);
    H5Sclose(space);
  }

 private:
  hid_t file_;
};

}  // namespace dagfusion::tests
