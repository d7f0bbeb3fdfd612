# Frames of real photos under published recipes, against Pillow, transformers and open_clip; skipped (77) where photos or Python
# packages are missing.
add_executable(preprocess_frames "${CMAKE_CURRENT_LIST_DIR}/preprocess_frames.c")
target_link_libraries(preprocess_frames PRIVATE tl_encoders tl_base_image tl_base_io tl_base_core twinlens_settings)
file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/scratch/preprocess")
add_test(NAME golden_preprocess COMMAND sh "${CMAKE_CURRENT_LIST_DIR}/check_preprocess.sh" "$<TARGET_FILE:preprocess_frames>"
  "${CMAKE_CURRENT_BINARY_DIR}/scratch/preprocess" "${PROJECT_SOURCE_DIR}/../shared/data/photos")
set_tests_properties(golden_preprocess PROPERTIES LABELS golden TIMEOUT 600 SKIP_RETURN_CODE 77)
