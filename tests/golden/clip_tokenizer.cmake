# Ids of whole model folders against open_clip and transformers.
add_executable(encode_folder "${CMAKE_CURRENT_LIST_DIR}/encode_folder.c")
target_link_libraries(encode_folder PRIVATE tl_tokenizer tl_base_io tl_base_core twinlens_settings)
file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/scratch/clip_tokenizer" "${CMAKE_CURRENT_BINARY_DIR}/scratch/folder_tokenizers")
# Only where TL_REFERENCE_PYTHON is in the environment: see models.cmake.
if(DEFINED ENV{TL_REFERENCE_PYTHON})
  add_test(NAME golden_clip_tokenizer_parity
    COMMAND sh "${CMAKE_CURRENT_LIST_DIR}/check_clip_tokenizer.sh" "$<TARGET_FILE:encode_folder>" "${CMAKE_CURRENT_BINARY_DIR}/scratch/clip_tokenizer")
  set_tests_properties(golden_clip_tokenizer_parity PROPERTIES LABELS golden TIMEOUT 1200)
  add_test(NAME golden_folder_tokenizer_parity
    COMMAND sh "${CMAKE_CURRENT_LIST_DIR}/check_folder_tokenizers.sh" "$<TARGET_FILE:encode_folder>" "${CMAKE_CURRENT_BINARY_DIR}/scratch/folder_tokenizers")
  set_tests_properties(golden_folder_tokenizer_parity PROPERTIES LABELS golden TIMEOUT 2400)
endif()
