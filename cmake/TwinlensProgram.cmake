# The program, the installed library and what a consumer needs to build against it.
get_property(modules GLOBAL PROPERTY TWINLENS_MODULES)
get_property(module_links GLOBAL PROPERTY TWINLENS_LINKS)
set(rules "${PROJECT_SOURCE_DIR}/tests/architecture/layers.txt") # says which headers are doors
include("${PROJECT_SOURCE_DIR}/tests/architecture/rules.cmake")
read_rules("${rules}")

# The model that comes with the program: installed under the data folder, and copied beside a built program, since what is cached
# beside a model's files must not land in the source tree.
set(shipped_model models/twinlens-small)
file(GLOB shipped_files CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}/${shipped_model}" "${PROJECT_SOURCE_DIR}/${shipped_model}/*")
foreach(file IN LISTS shipped_files)
  configure_file("${shipped_model}/${file}" "${shipped_model}/${file}" COPYONLY)
  install(FILES "${shipped_model}/${file}" DESTINATION "${CMAKE_INSTALL_DATADIR}/twinlens/${shipped_model}")
endforeach()
file(RELATIVE_PATH models_from_program "/${CMAKE_INSTALL_BINDIR}" "/${CMAKE_INSTALL_DATADIR}/twinlens/models")
set_source_files_properties(cli/app/shipped_model.c PROPERTIES COMPILE_DEFINITIONS
  "TL_MODELS_FROM_PROGRAM=\"${models_from_program}\";TL_MODELS_INSTALLED=\"${CMAKE_INSTALL_FULL_DATADIR}/twinlens/models\"")

if(EXISTS "${PROJECT_SOURCE_DIR}/cli/main.c")
  add_executable(twinlens cli/main.c)
  target_link_libraries(twinlens PRIVATE tl_cli twinlens_settings)
  target_link_options(twinlens PRIVATE LINKER:--as-needed)
  install(TARGETS twinlens)
endif()

# One library of all modules: of cli only its use cases, not the commands that print.
set(objects "")
foreach(module IN LISTS modules)
  if(module STREQUAL "tl_cli")
    list(APPEND objects "$<FILTER:$<TARGET_OBJECTS:tl_cli>,INCLUDE,/cli/app/>")
  else()
    list(APPEND objects "$<TARGET_OBJECTS:${module}>")
  endif()
endforeach()
list(REMOVE_DUPLICATES module_links)

set(door_headers "")
file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/base/*.h" "${PROJECT_SOURCE_DIR}/tokenizer/*.h"
  "${PROJECT_SOURCE_DIR}/encoders/*.h" "${PROJECT_SOURCE_DIR}/index/*.h" "${PROJECT_SOURCE_DIR}/crawler-import/*.h" "${PROJECT_SOURCE_DIR}/cli/app/*.h")
foreach(header IN LISTS headers)
  matches_any("${header}" "${doors}" is_door)
  if(is_door AND NOT header MATCHES "(_internal|/banned)\\.h$")
    list(APPEND door_headers "${header}")
  endif()
endforeach()

add_library(twinlens_static STATIC ${objects})
set_target_properties(twinlens_static PROPERTIES OUTPUT_NAME twinlens LINKER_LANGUAGE CXX)

# The shared library exports the functions that the door headers declare, and nothing else.
set(exports "${CMAKE_CURRENT_BINARY_DIR}/twinlens-exports.map")
add_custom_command(OUTPUT "${exports}" DEPENDS ${door_headers} "${PROJECT_SOURCE_DIR}/cmake/exports.cmake"
  COMMAND "${CMAKE_COMMAND}" "-DROOT=${PROJECT_SOURCE_DIR}" "-DHEADERS=${door_headers}" "-DOUTPUT=${exports}"
    -P "${PROJECT_SOURCE_DIR}/cmake/exports.cmake" WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" VERBATIM)
add_custom_target(twinlens_exports DEPENDS "${exports}")
add_library(twinlens_shared SHARED ${objects})
add_dependencies(twinlens_shared twinlens_exports)
set_target_properties(twinlens_shared PROPERTIES OUTPUT_NAME twinlens LINKER_LANGUAGE CXX VERSION ${PROJECT_VERSION} SOVERSION 0
  LINK_DEPENDS "${exports}")
target_link_options(twinlens_shared PRIVATE "LINKER:--version-script=${exports}" LINKER:--as-needed)
target_link_libraries(twinlens_shared PRIVATE twinlens_settings ${module_links})

foreach(header IN LISTS door_headers)
  cmake_path(GET header PARENT_PATH folder)
  install(FILES "${header}" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/twinlens/${folder}")
endforeach()
install(FILES cli/app/train_settings_list.inc DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/twinlens/cli/app")
install(TARGETS twinlens_static twinlens_shared)

# Paths in the pkg-config and CMake files are relative to themselves, so that the installed tree can be moved.
file(RELATIVE_PATH prefix_from_pkgconfig "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
file(RELATIVE_PATH prefix_from_cmake "/${CMAKE_INSTALL_LIBDIR}/cmake/twinlens" "/")
# What a static link needs beside us are the libraries themselves, as they were found here. Requires.private would name whatever
# they in turn were built from, whose development files nobody needs who has the shared ones.
set(private_links "")
foreach(dependency IN ITEMS openblas sentencepiece sqlite3 jansson jpeg png webp exif archive xxhash utf8proc zlib crypto curl cares idn2 zstd lz4 xml)
  list(APPEND private_links ${${dependency}_LDFLAGS})
endforeach()
if(TL_MPI)
  list(APPEND private_links ${mpi_LDFLAGS})
endif()
list(REMOVE_DUPLICATES private_links)
list(JOIN private_links " " private_links)
configure_file("${PROJECT_SOURCE_DIR}/cmake/twinlens.pc.in" twinlens.pc @ONLY)
configure_file("${PROJECT_SOURCE_DIR}/cmake/twinlensConfig.cmake.in" twinlensConfig.cmake @ONLY)
include(CMakePackageConfigHelpers)
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/twinlensConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/twinlens.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/twinlensConfig.cmake" "${CMAKE_CURRENT_BINARY_DIR}/twinlensConfigVersion.cmake"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/twinlens")
