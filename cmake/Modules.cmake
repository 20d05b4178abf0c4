# A module is a folder under src/: its .cc files make a static library, its *_test.cc files go to the test program.
# The file lists are globbed so that adding an importer, detector, analyst or command is one file and one .def line.
function(add_module name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cc)
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  add_library(clawtrace_${name} STATIC ${sources})
  target_link_libraries(clawtrace_${name} ${ARG_LINK})
  clawtrace_flags(clawtrace_${name})
  clawtrace_precompiled_module(clawtrace_${name})
endfunction()
