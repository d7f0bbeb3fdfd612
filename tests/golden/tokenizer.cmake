# Ids of real captions against the Python package of SentencePiece; skipped (77) where no Python has it.
add_executable(encode_captions "${CMAKE_CURRENT_LIST_DIR}/encode_captions.c")
target_link_libraries(encode_captions PRIVATE tl_tokenizer tl_base_io tl_base_core twinlens_settings)
file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/scratch/tokenizer")
add_test(NAME golden_tokenizer_parity
  COMMAND sh "${CMAKE_CURRENT_LIST_DIR}/check_tokenizer.sh" "$<TARGET_FILE:encode_captions>" "${CMAKE_CURRENT_BINARY_DIR}/scratch/tokenizer")
set_tests_properties(golden_tokenizer_parity PROPERTIES LABELS golden TIMEOUT 600 SKIP_RETURN_CODE 77)
