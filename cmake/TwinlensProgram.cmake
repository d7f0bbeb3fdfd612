# The program, the installed library and what a consumer needs to build against it.
get_property(modules GLOBAL PROPERTY TWINLENS_MODULES)
get_property(module_links GLOBAL PROPERTY TWINLENS_LINKS)

if(EXISTS "${PROJECT_SOURCE_DIR}/cli/main.c")
  add_executable(twinlens cli/main.c)
  target_link_libraries(twinlens PRIVATE tl_cli twinlens_settings)
  install(TARGETS twinlens)
endif()
