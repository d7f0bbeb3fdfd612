# Parquet files that pyarrow writes, read by us and by pyarrow, and ours read by pyarrow; skipped (77) where no Python has it.
foreach(name IN ITEMS parquet_columns parquet_copy)
  add_executable(${name} "${CMAKE_CURRENT_LIST_DIR}/${name}.c")
  target_link_libraries(${name} PRIVATE tl_base_io_parquet tl_base_io tl_base_core twinlens_settings)
endforeach()
file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/scratch/parquet")
add_test(NAME golden_parquet COMMAND sh "${CMAKE_CURRENT_LIST_DIR}/check_parquet.sh" "$<TARGET_FILE:parquet_columns>"
  "$<TARGET_FILE:parquet_copy>" "${CMAKE_CURRENT_BINARY_DIR}/scratch/parquet")
set_tests_properties(golden_parquet PROPERTIES LABELS golden TIMEOUT 600 SKIP_RETURN_CODE 77)
