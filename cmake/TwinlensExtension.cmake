# The loadable extension of SQLite. What it has of index/ is compiled once more, to call its host's SQLite (base/store/sql.h) in the
# place of a library's; everything else is that of the modules. tests/cli/test_sqlite.bash reads that it needs no libsqlite3.
file(GLOB extension_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/index/ann/*.c" "${PROJECT_SOURCE_DIR}/index/sqlite/*.c"
  "${PROJECT_SOURCE_DIR}/index/vectors/*.c")
list(APPEND extension_sources "${PROJECT_SOURCE_DIR}/index/statements.c" "${PROJECT_SOURCE_DIR}/index/vector_check.c"
  "${PROJECT_SOURCE_DIR}/index/vector_store.c" "${PROJECT_SOURCE_DIR}/base/store/sql.c")
add_library(twinlens_sqlite MODULE ${extension_sources} cli/sqlite_extension.c)
set_target_properties(twinlens_sqlite PROPERTIES PREFIX "" LINKER_LANGUAGE CXX)
target_compile_definitions(twinlens_sqlite PRIVATE TL_SQLITE_EXTENSION)
target_compile_options(twinlens_sqlite PRIVATE $<$<COMPILE_LANGUAGE:C>:-include${PROJECT_SOURCE_DIR}/base/core/banned.h>)
target_link_libraries(twinlens_sqlite PRIVATE tl_cli twinlens_settings)
set(extension_exports "${PROJECT_SOURCE_DIR}/cmake/sqlite_extension.map")
set_target_properties(twinlens_sqlite PROPERTIES LINK_DEPENDS "${extension_exports}")
target_link_options(twinlens_sqlite PRIVATE "LINKER:--version-script=${extension_exports}" LINKER:--as-needed)
# clang's sanitizers are in the program alone, so a library built with them refers to what it does not link.
if(NOT (TL_SANITIZE AND CMAKE_C_COMPILER_ID MATCHES "Clang"))
  target_link_options(twinlens_sqlite PRIVATE LINKER:--no-undefined)
endif()
install(TARGETS twinlens_sqlite LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/twinlens")
