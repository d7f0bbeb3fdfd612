# Files of the trainer against the Python package of safetensors; skipped (77) where no Python has it.
add_executable(write_model "${CMAKE_CURRENT_LIST_DIR}/write_model.c")
target_link_libraries(write_model PRIVATE tl_encoders twinlens_settings)
file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/scratch/training")
add_test(NAME golden_training_files
  COMMAND sh "${CMAKE_CURRENT_LIST_DIR}/check_training.sh" "$<TARGET_FILE:write_model>" "${CMAKE_CURRENT_LIST_DIR}/fixtures/training"
          "${CMAKE_CURRENT_BINARY_DIR}/scratch/training")
set_tests_properties(golden_training_files PROPERTIES LABELS golden TIMEOUT 600 SKIP_RETURN_CODE 77)
