# The only place that sets the language standard, warnings and link order of a module.
#
# twinlens_module(base/image USES base/core LINKS PkgConfig::jpeg PRIVATE_FLAGS file.c -mavx2)
#   makes the static library tl_base_image of every .c (and .cc) below the folder and records it for the installed library. It
#   refuses nothing: who may include what is tests/architecture's job.

include_guard(GLOBAL)

add_library(twinlens_settings INTERFACE)
target_compile_features(twinlens_settings INTERFACE c_std_17)
target_include_directories(twinlens_settings INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_definitions(twinlens_settings INTERFACE _XOPEN_SOURCE=700 _FILE_OFFSET_BITS=64)
target_compile_options(twinlens_settings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wundef -Wvla -Wwrite-strings -Wformat=2
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes>
  # What the shared library exports is decided when it is linked (TwinlensProgram.cmake); calls inside it are never interposed.
  -fno-semantic-interposition -ffp-contract=off)
if(TL_WERROR)
  target_compile_options(twinlens_settings INTERFACE -Werror)
endif()
if(TL_SANITIZE)
  target_compile_options(twinlens_settings INTERFACE -fsanitize=${TL_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all
    # its runtime would have to be linked into every C program that uses the shared library
    $<$<COMPILE_LANGUAGE:CXX>:-fno-sanitize=vptr>)
  target_link_options(twinlens_settings INTERFACE -fsanitize=${TL_SANITIZE})
endif()
if(TL_FUZZ)
  target_compile_options(twinlens_settings INTERFACE -fsanitize=fuzzer-no-link) # coverage feedback for libFuzzer
endif()

set_property(GLOBAL PROPERTY TWINLENS_MODULES "")

function(twinlens_module folder)
  cmake_parse_arguments(arg "" "" "USES;LINKS;EXCLUDE" ${ARGN})
  string(REGEX REPLACE "[/-]" "_" name "tl_${folder}")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${folder}/*.c" "${PROJECT_SOURCE_DIR}/${folder}/*.cc")
  foreach(pattern IN LISTS arg_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "${PROJECT_SOURCE_DIR}/${folder}/${pattern}")
  endforeach()
  if(NOT sources)
    return()
  endif()
  add_library(${name} STATIC ${sources})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:C>:-include${PROJECT_SOURCE_DIR}/base/core/banned.h>)
  target_link_libraries(${name} PUBLIC twinlens_settings)
  foreach(used IN LISTS arg_USES)
    string(REGEX REPLACE "[/-]" "_" used_name "tl_${used}")
    target_link_libraries(${name} PUBLIC ${used_name})
  endforeach()
  target_link_libraries(${name} PRIVATE ${arg_LINKS})
  set_property(GLOBAL APPEND PROPERTY TWINLENS_MODULES ${name})
  set_property(GLOBAL APPEND PROPERTY TWINLENS_LINKS ${arg_LINKS})
endfunction()
