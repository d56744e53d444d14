// The report of one run, or of several over each other, as one page that needs no network.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tools/report/run_data.h"

namespace dagfusion {

// `views`: by run. Throws UserError or std::runtime_error.
std::string report_page(const std::vector<std::filesystem::path>& runs,
                        const std::vector<PipelineView>& views);

// A page around some JSON: `scripts` find it in #data, and lay it out in <main>, where `body` stands already.
std::string page_of(const std::string& title, const nlohmann::ordered_json& data, const std::string& style,
                    const std::vector<std::string>& scripts, const std::string& body = "");

// Files of this folder that are built in.
namespace assets {
extern const char* const charts_js;
extern const char* const graph_js;
extern const char* const graph_page_js;
extern const char* const report_js;
extern const char* const report_css;
extern const char* const sweep_js;
}  // namespace assets

}  // namespace dagfusion
