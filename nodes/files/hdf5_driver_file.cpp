#include "nodes/files/hdf5_driver_file.h"

#include <cstring>

#include "nodes/files/file_bytes.h"

namespace dagfusion {

haddr_t end_of_used(const H5FD_t* file, H5FD_mem_t) {
  return reinterpret_cast<const Hdf5DriverFile*>(file)->used;
}

herr_t set_end_of_used(H5FD_t* file, H5FD_mem_t, haddr_t end) {
  reinterpret_cast<Hdf5DriverFile*>(file)->used = end;
  return 0;
}

haddr_t end_of_file(const H5FD_t* file, H5FD_mem_t) {
  return reinterpret_cast<const Hdf5DriverFile*>(file)->bytes;
}

bool read_filled_up(int file, haddr_t begin, void* bytes, std::size_t count) {
  const std::int64_t got = read_up_to(file, begin, bytes, count);
  if (got < 0) return false;
  const auto came = static_cast<std::size_t>(got);
  std::memset(static_cast<std::uint8_t*>(bytes) + came, 0, count - came);
  return true;
}

}  // namespace dagfusion
