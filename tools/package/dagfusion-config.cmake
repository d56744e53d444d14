# find_package(dagfusion 0.1): dagfusion::dagfusion, the library; dagfusion::node and dagfusion_add_plugin().
include(CMakeFindDependencyMacro)
find_dependency(fmt)
find_dependency(TBB)
include(${CMAKE_CURRENT_LIST_DIR}/dagfusion-targets.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/dagfusion_add_plugin.cmake)
