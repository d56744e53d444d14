// What the head comment of a node's source says below its paper: formula, shapes, ranges and units.
#pragma once

#include <string>
#include <string_view>

namespace dagfusion {

std::string_view manual_of(
    const std::string& type);  // lines, each with its end; empty for types from elsewhere

}  // namespace dagfusion
