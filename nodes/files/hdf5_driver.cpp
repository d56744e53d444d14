#include "nodes/files/hdf5_driver.h"

#include <unistd.h>

#include <cstring>
#include <limits>
#include <memory>

#include "nodes/files/hdf5_driver_file.h"

namespace dagfusion {
namespace {

struct Opened : Hdf5DriverFile {
  int descriptor = -1;
};

thread_local Hdf5Place last_wanted;
thread_local bool only_places = false;

Opened& opened(H5FD_t* file) { return static_cast<Opened&>(*reinterpret_cast<Hdf5DriverFile*>(file)); }

H5FD_t* open(const char*, unsigned flags, hid_t access, haddr_t) {
  const void* const descriptor = H5Pget_driver_info(access);
  if ((flags & (H5F_ACC_RDWR | H5F_ACC_CREAT | H5F_ACC_TRUNC)) != 0 || !descriptor) return nullptr;
  auto made = std::make_unique<Opened>();
  std::memcpy(&made->descriptor, descriptor, sizeof made->descriptor);
  const off_t end = ::lseek(made->descriptor, 0, SEEK_END);
  if (end < 0) return nullptr;
  made->bytes = static_cast<haddr_t>(end);
  return &made.release()->shared;
}

herr_t close(H5FD_t* file) {
  delete &opened(file);
  return 0;
}

herr_t query(const H5FD_t*, unsigned long* can) {
  *can = H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  return 0;
}

herr_t read(H5FD_t* file, H5FD_mem_t what, hid_t, haddr_t begin, std::size_t bytes, void* buffer) {
  if (only_places && what == H5FD_MEM_DRAW) {
    last_wanted = {begin, bytes};
    return 0;
  }
  return read_filled_up(opened(file).descriptor, begin, buffer, bytes) ? 0 : -1;
}

herr_t write(H5FD_t*, H5FD_mem_t, hid_t, haddr_t, std::size_t, const void*) { return -1; }

hid_t driver() {
  static const H5FD_class_t methods = {.name = "of an open file",
                                       .maxaddr = std::numeric_limits<std::int64_t>::max(),
                                       .fc_degree = H5F_CLOSE_STRONG,
                                       .fapl_size = sizeof(int),
                                       .open = open,
                                       .close = close,
                                       .query = query,
                                       .get_eoa = end_of_used,
                                       .set_eoa = set_end_of_used,
                                       .get_eof = end_of_file,
                                       .read = read,
                                       .write = write,
                                       .fl_map = H5FD_FLMAP_SINGLE};
  static const hid_t made = H5FDregister(&methods);
  return made;
}

}  // namespace

Hdf5Id open_hdf5(int descriptor, std::string& why) {
  const Hdf5Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_driver(access, driver(), &descriptor);
  Hdf5Id file(H5Fopen("an open file", H5F_ACC_RDONLY, access), H5Fclose);
  if (!file) why = hdf5_complaint();  // before anything else is closed
  return file;
}

OnlyPlaces::OnlyPlaces() { only_places = true; }
OnlyPlaces::~OnlyPlaces() { only_places = false; }
Hdf5Place OnlyPlaces::last() const { return last_wanted; }

}  // namespace dagfusion
