# Ids of published vocabularies against the reference's own classes.
add_executable(encode_published "${CMAKE_CURRENT_LIST_DIR}/encode_published.c")
target_link_libraries(encode_published PRIVATE tl_tokenizer tl_base_io tl_base_core twinlens_settings)
file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/scratch/vocabularies")
# Only where TL_REFERENCE_PYTHON is in the environment: see models.cmake.
if(DEFINED ENV{TL_REFERENCE_PYTHON})
  add_test(NAME golden_vocabulary_parity
    COMMAND sh "${CMAKE_CURRENT_LIST_DIR}/check_vocabularies.sh" "$<TARGET_FILE:encode_published>"
      "${CMAKE_CURRENT_BINARY_DIR}/scratch/vocabularies")
  set_tests_properties(golden_vocabulary_parity PROPERTIES LABELS golden TIMEOUT 900)
endif()
