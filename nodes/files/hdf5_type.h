// Which of HDF5's types are read, and what they are in words.
#pragma once

#include <hdf5.h>

#include "nodes/files/hdf5_contents.h"

namespace dagfusion {

Hdf5Type hdf5_type_of(hid_t type);

}  // namespace dagfusion
