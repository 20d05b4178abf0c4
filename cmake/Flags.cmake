# Warnings are errors for our own code; third-party headers come in as SYSTEM.
function(clawtrace_flags target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
    -Wno-sign-conversion -Wno-missing-field-initializers -Wswitch-enum -Wunused-const-variable
    $<$<CXX_COMPILER_ID:Clang>:-Wreserved-identifier> -Werror)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_compile_definitions(${target} PRIVATE CLAWTRACE_VERSION="${PROJECT_VERSION}")
  # A release names its sources by their path in the project, not by where it was built.
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=>)
  if(CLAWTRACE_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${CLAWTRACE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${CLAWTRACE_SANITIZE})
  endif()
  if(CLAWTRACE_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # Without these ccache leaves alone what uses precompiled headers.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE_PROGRAM})
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  find_program(LLD_PROGRAM NAMES ld.lld-19 ld.lld)
  if(LLD_PROGRAM)
    add_link_options(--ld-path=${LLD_PROGRAM})
  endif()
endif()
