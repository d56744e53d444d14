# dagfusion_add_plugin(NAME SOURCE...): libNAME.so, which a pipeline names as `plugins: [libNAME.so]`.
function(dagfusion_add_plugin name)
  add_library(${name} MODULE ${ARGN})
  set_target_properties(${name} PROPERTIES PREFIX lib SUFFIX .so CXX_EXTENSIONS OFF)
  target_link_libraries(${name} PRIVATE dagfusion::node)
endfunction()
