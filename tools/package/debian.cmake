# cpack -G DEB: packages for Debian. What they depend on is read from the libraries that they are linked with.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_NAME dagfusion)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The maintainers of Dagfusion")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "trains and samples diffusion models on CPU")
set(CPACK_OUTPUT_FILE_PREFIX ${PROJECT_BINARY_DIR}/packages)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(this_version "(= ${PROJECT_VERSION})")
set(library_package libdagfusion${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
set(CPACK_COMPONENTS_ALL "")

function(dagfusion_package component)  # NAME of the package, SECTION, ABOUT it, DEPENDS, RECOMMENDS, SUGGESTS
  cmake_parse_arguments(PARSE_ARGV 1 deb "" "NAME;SECTION;ABOUT;DEPENDS;RECOMMENDS;SUGGESTS" "")
  string(TOUPPER ${component} upper)
  set(CPACK_COMPONENTS_ALL ${CPACK_COMPONENTS_ALL} ${component} PARENT_SCOPE)
  set(CPACK_COMPONENT_${upper}_DESCRIPTION "${deb_ABOUT}" PARENT_SCOPE)
  foreach(field DEPENDS RECOMMENDS SUGGESTS SECTION)
    set(CPACK_DEBIAN_${upper}_PACKAGE_${field} "${deb_${field}}" PARENT_SCOPE)
  endforeach()
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${deb_NAME} PARENT_SCOPE)
endfunction()

dagfusion_package(program NAME dagfusion SECTION science
  ABOUT "The program run-pipeline with its pipelines, manual page and completions."
  SUGGESTS "dagfusion-openmpi | dagfusion-mpich")
if(TARGET dagfusion_library)
  dagfusion_package(library NAME ${library_package} SECTION libs
    ABOUT "The library for programs that run pipelines themselves.")
  dagfusion_package(development NAME dagfusion-dev SECTION libdevel
    ABOUT "Headers and CMake files for programs that run pipelines themselves, and for plugins with nodes."
    DEPENDS "${library_package} ${this_version}, libfmt-dev, libtbb-dev"
    RECOMMENDS "dagfusion ${this_version}, cmake, g++")
endif()
if(TARGET dagfusion_openmpi)
  dagfusion_package(openmpi NAME dagfusion-openmpi SECTION science
    ABOUT "Lets several processes share a run of Dagfusion, with Open MPI."
    DEPENDS "dagfusion ${this_version}, openmpi-bin")
endif()
if(TARGET dagfusion_mpich)
  dagfusion_package(mpich NAME dagfusion-mpich SECTION science
    ABOUT "Lets several processes share a run of Dagfusion, with MPICH."
    DEPENDS "dagfusion ${this_version}, mpich")
endif()
include(CPack)
