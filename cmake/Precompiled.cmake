# Reading the headers of the standard library and of GoogleTest is a third of what compiling a source costs, so they are
# read once for all. The build of g++ reads them in each source of the program: one that lacks an #include does not pass.
set(CLAWTRACE_STANDARD_HEADERS <algorithm> <array> <atomic> <charconv> <chrono> <cmath> <cstdint> <cstring> <deque>
  <filesystem> <fstream> <functional> <map> <memory> <mutex> <optional> <random> <set> <span> <sstream> <string>
  <string_view> <thread> <tuple> <unordered_map> <unordered_set> <utility> <variant> <vector> <fmt/format.h>)

# What other targets take the precompiled headers of: nothing but them, since everything waits for it.
function(add_precompiled name)
  cmake_parse_arguments(ARG "" "" "HEADERS;LINK" ${ARGN})
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/${name}.cc CONTENT "")
  add_library(${name} OBJECT ${PROJECT_BINARY_DIR}/${name}.cc)
  target_link_libraries(${name} PRIVATE fmt::fmt ${ARG_LINK})
  clawtrace_flags(${name})
  target_precompile_headers(${name} PRIVATE ${CLAWTRACE_STANDARD_HEADERS} ${ARG_HEADERS})
endfunction()

function(clawtrace_precompiled_test target)
  if(NOT TARGET precompiled_tests)
    add_precompiled(precompiled_tests HEADERS <gmock/gmock.h> <gtest/gtest.h> LINK GTest::gtest GTest::gmock)
  endif()
  target_precompile_headers(${target} REUSE_FROM precompiled_tests)
endfunction()

function(clawtrace_precompiled_module target)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    if(NOT TARGET precompiled_modules)
      add_precompiled(precompiled_modules)
    endif()
    target_precompile_headers(${target} REUSE_FROM precompiled_modules)
  endif()
endfunction()
