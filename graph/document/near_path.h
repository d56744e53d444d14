// A path of the user's that leads nowhere: what it may have been meant to be.
#pragma once

#include <filesystem>
#include <string>

namespace dagfusion {

// "; did you mean 'data/emoji64'?", as the user would write it below `folder`; "" when nothing is near.
std::string path_suggestion(const std::string& given, const std::filesystem::path& folder = "");

}  // namespace dagfusion
