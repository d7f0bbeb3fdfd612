# Parquet files that pyarrow writes, read by us and by pyarrow, and ours read by pyarrow; skipped (77) where no Python has it.
add_executable(parquet_columns "${CMAKE_CURRENT_LIST_DIR}/parquet_columns.c")
target_link_libraries(parquet_columns PRIVATE tl_base_io_parquet tl_base_io tl_base_core twinlens_settings)
