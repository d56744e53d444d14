# Writes OUTPUT: for each of the SOURCES (GROUP/NAME.cpp of a node) the formula, shapes and ranges that its head comment
# gives below the first empty line. A fact has one home; `run-pipeline describe NAME` and `nodes --manual` show it from there.
# Formulas that several nodes share stand in a header of diffusion/ or sampling/, which the comment names: they follow.
file(READ ${LIST} sources)
string(STRIP "${sources}" sources)
set(entries "")
string(REPLACE "\n" ";" sources "${sources}")
foreach(source IN LISTS sources)
  cmake_path(GET source STEM name)
  file(READ ${source} text)
  string(REGEX MATCH "^(//[^\n]*\n)+" head "${text}")
  string(FIND "${head}" "\n//\n" blank)
  if(blank EQUAL -1)
    continue()
  endif()
  math(EXPR start "${blank} + 4")
  string(SUBSTRING "${head}" ${start} -1 head)
  string(REGEX REPLACE "(^|\n)// ?" "\\1" head "${head}")
  string(REGEX MATCHALL "nodes/(diffusion|sampling)/[a-z0-9_]+\\.h" shared "${head}")
  list(REMOVE_DUPLICATES shared)
  list(REMOVE_ITEM shared nodes/diffusion/noise_process.h)  # the interface to all that
  foreach(header IN LISTS shared)
    file(READ ${CMAKE_CURRENT_LIST_DIR}/../${header} text)
    string(REGEX MATCH "^(//[^\n]*\n)+" text "${text}")
    string(REGEX REPLACE "(^|\n)// ?" "\\1" text "${text}")
    string(APPEND head "\n${header}:\n${text}")
  endforeach()
  string(APPEND entries "      {\"${name}\", R\"manual(${head})manual\"},\n")
endforeach()
set(written "// Written by nodes/manual.cmake.
#include \"nodes/manual.h\"

#include <map>

namespace dagfusion {

std::string_view manual_of(const std::string& type) {
  static const std::map<std::string, std::string_view> all = {
${entries}  };
  const auto found = all.find(type);
  return found == all.end() ? std::string_view() : found->second;
}

}  // namespace dagfusion
")
file(WRITE ${OUTPUT} "${written}")
