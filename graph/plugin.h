// A library of node types outside this repository, which a pipeline names: plugins: [libmy_nodes.so].
//
//   #include <graph/plugin.h>
//
//   DAGFUSION_PLUGIN(catalog) { catalog.nodes = {my_loss(), my_norm()}; }
//
// once in the library, at the end of a source; sections go to catalog.sections. CMake builds it:
//
//   find_package(dagfusion 0.1 REQUIRED)
//   dagfusion_add_plugin(my_nodes my_loss.cpp my_norm.cpp)
//
// The program keeps the functions that these headers declare: a plugin links to none of its libraries. It is
// loaded when a file that names it is read, by `check` too, and stays until the process ends.
#pragma once

#include "graph/types/catalog.h"
#include "graph/version.h"

#if defined(_LIBCPP_VERSION)
#define DAGFUSION_STANDARD_LIBRARY "libc++"
#elif defined(_GLIBCXX_DEBUG)
#define DAGFUSION_STANDARD_LIBRARY "libstdc++ in debug mode"
#elif _GLIBCXX_USE_CXX11_ABI
#define DAGFUSION_STANDARD_LIBRARY "libstdc++"
#else
#define DAGFUSION_STANDARD_LIBRARY "libstdc++ with its old strings"
#endif
#define DAGFUSION_BUILT_FOR DAGFUSION_VERSION " (ABI " DAGFUSION_ABI ", " DAGFUSION_STANDARD_LIBRARY ")"
#define DAGFUSION_PLUGIN_MARK "Dagfusion plugin, built for:"

extern "C" {
// The program finds `mark` in the bytes of the file and compares `built_for` before any code of the library
// runs: what stands here can never change.
struct DagfusionPlugin {
  char mark[32];
  char built_for[96];
  void (*add)(void* catalog);  // a dagfusion::Catalog, empty; C++ from here on
};
}

#define DAGFUSION_PLUGIN(catalog)                                                                       \
  static void dagfusion_add(dagfusion::Catalog&);                                                       \
  extern "C" {                                                                                          \
  extern __attribute__((visibility("default"))) const DagfusionPlugin dagfusion_plugin;                 \
  const DagfusionPlugin dagfusion_plugin = {DAGFUSION_PLUGIN_MARK, DAGFUSION_BUILT_FOR, [](void* all) { \
                                              dagfusion_add(*static_cast<dagfusion::Catalog*>(all));    \
                                            }};                                                         \
  }                                                                                                     \
  static void dagfusion_add(dagfusion::Catalog& catalog)
