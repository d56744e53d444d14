// Some pictures of every class side by side, with the classes' names.
#pragma once

#include <string>

#include "tools/look/looked_data.h"

namespace dagfusion {

struct Sheet {
  int height = 0, width = 0;
  std::vector<std::uint8_t> pixels;  // red, green, blue
};

Sheet contact_sheet(const LookedData&);

// A page of its own, with the sheet inside.
std::string data_page(const std::string& title, const std::string& report, const Sheet&);

}  // namespace dagfusion
