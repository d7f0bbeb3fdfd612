# Shards that we write against other readers of WebDataset; skipped (77) where no Python has the package.
add_executable(import_dataset "${CMAKE_CURRENT_LIST_DIR}/import_dataset.c")
target_link_libraries(import_dataset PRIVATE tl_crawler_import tl_base_store tl_base_image tl_base_io tl_base_core twinlens_settings)
file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/scratch/import")
add_test(NAME golden_import_shards
  COMMAND sh "${CMAKE_CURRENT_LIST_DIR}/check_import.sh" "$<TARGET_FILE:import_dataset>" "${CMAKE_CURRENT_BINARY_DIR}/scratch/import")
set_tests_properties(golden_import_shards PROPERTIES LABELS golden TIMEOUT 600 SKIP_RETURN_CODE 77)
# Downloaded shards and tables against webdataset and pyarrow.
file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/scratch/download")
add_test(NAME golden_download
  COMMAND sh "${CMAKE_CURRENT_LIST_DIR}/check_download.sh" "$<TARGET_FILE:twinlens>" "${CMAKE_CURRENT_BINARY_DIR}/scratch/download")
set_tests_properties(golden_download PROPERTIES LABELS golden TIMEOUT 600 SKIP_RETURN_CODE 77)
# EXIF and colour profiles of pictures written again, against Pillow.
file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/scratch/metadata")
add_test(NAME golden_download_metadata
  COMMAND sh "${CMAKE_CURRENT_LIST_DIR}/check_metadata.sh" "$<TARGET_FILE:twinlens>" "${CMAKE_CURRENT_BINARY_DIR}/scratch/metadata")
set_tests_properties(golden_download_metadata PROPERTIES LABELS golden TIMEOUT 600 SKIP_RETURN_CODE 77)
