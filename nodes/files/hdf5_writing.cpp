#include "nodes/files/hdf5_writing.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>

#include "nodes/files/file_bytes.h"
#include "nodes/files/hdf5_driver_file.h"

namespace dagfusion {
namespace {

struct Opened : Hdf5DriverFile {
  Hdf5Writing* writing = nullptr;
};

Opened& opened(H5FD_t* file) { return static_cast<Opened&>(*reinterpret_cast<Hdf5DriverFile*>(file)); }

herr_t failed(Hdf5Writing& writing) {
  if (writing.problem == 0) writing.problem = errno;
  return -1;
}

H5FD_t* open(const char*, unsigned, hid_t access, haddr_t) {
  const void* const writing = H5Pget_driver_info(access);
  if (!writing) return nullptr;
  auto made = std::make_unique<Opened>();
  std::memcpy(&made->writing, writing, sizeof made->writing);
  return &made.release()->shared;
}

herr_t close(H5FD_t* file) {
  delete &opened(file);
  return 0;
}

// As the library's own driver, so that it puts everything where that one would.
herr_t query(const H5FD_t*, unsigned long* can) {
  *can = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
         H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  return 0;
}

herr_t read(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t begin, std::size_t bytes, void* buffer) {
  Hdf5Writing& writing = *opened(file).writing;
  return read_filled_up(writing.descriptor, begin, buffer, bytes) ? 0 : failed(writing);
}

herr_t write(H5FD_t* file, H5FD_mem_t what, hid_t, haddr_t begin, std::size_t bytes, const void* buffer) {
  Hdf5Writing& writing = *opened(file).writing;
  opened(file).bytes = std::max(opened(file).bytes, begin + bytes);
  if (what == H5FD_MEM_DRAW) {
    writing.begin = begin;
    if (writing.values_lie_there) return 0;
  }
  return write_at(writing.descriptor, begin, buffer, bytes) ? 0 : failed(writing);
}

// The file ends where what is used of it ends.
herr_t truncate(H5FD_t* file, hid_t, hbool_t) {
  Hdf5Writing& writing = *opened(file).writing;
  if (::ftruncate(writing.descriptor, static_cast<off_t>(opened(file).used)) != 0) return failed(writing);
  opened(file).bytes = opened(file).used;
  return 0;
}

hid_t driver() {
  static const H5FD_class_t methods = {.name = "to an open file",
                                       .maxaddr = std::numeric_limits<std::int64_t>::max(),
                                       .fc_degree = H5F_CLOSE_WEAK,
                                       .fapl_size = sizeof(Hdf5Writing*),
                                       .open = open,
                                       .close = close,
                                       .query = query,
                                       .get_eoa = end_of_used,
                                       .set_eoa = set_end_of_used,
                                       .get_eof = end_of_file,
                                       .read = read,
                                       .write = write,
                                       .truncate = truncate,
                                       .fl_map = H5FD_FLMAP_DICHOTOMY};
  static const hid_t made = H5FDregister(&methods);
  return made;
}

}  // namespace

Hdf5Id create_hdf5(Hdf5Writing& writing) {
  const Hdf5Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);  // checksums over all that is not data
  Hdf5Writing* const it = &writing;
  H5Pset_driver(access, driver(), &it);
  const Hdf5Id creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation, false);  // equal images give equal files
  return {H5Fcreate("an open file", H5F_ACC_TRUNC, creation, access), H5Fclose};
}

}  // namespace dagfusion
