// What libhdf5's drivers of ours have in common: a file that is open already, and how far it reaches.
#pragma once

#include <hdf5.h>

#include <cstddef>

namespace dagfusion {

struct Hdf5DriverFile {
  H5FD_t shared = {};  // first: the library's part
  haddr_t used = 0, bytes = 0;
};

// The methods `get_eoa`, `set_eoa` and `get_eof`.
haddr_t end_of_used(const H5FD_t*, H5FD_mem_t);
herr_t set_end_of_used(H5FD_t*, H5FD_mem_t, haddr_t end);
haddr_t end_of_file(const H5FD_t*, H5FD_mem_t);

// For the method `read`: beyond the end of the file zeros, as the library's own driver gives them. False: an error, which errno names.
bool read_filled_up(int file, haddr_t begin, void* bytes, std::size_t count);

}  // namespace dagfusion
