# Pixels of real pictures, decoded and framed, against Pillow; skipped (77) where no Python has it.
add_executable(picture_pixels "${CMAKE_CURRENT_LIST_DIR}/picture_pixels.c")
target_link_libraries(picture_pixels PRIVATE tl_encoders tl_base_image tl_base_io tl_base_core twinlens_settings)
add_test(NAME golden_picture_pixels COMMAND sh "${CMAKE_CURRENT_LIST_DIR}/check_pixels.sh" "$<TARGET_FILE:picture_pixels>")
set_tests_properties(golden_picture_pixels PROPERTIES LABELS golden TIMEOUT 600 SKIP_RETURN_CODE 77)
