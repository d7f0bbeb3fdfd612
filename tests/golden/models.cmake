# Models of every family against golden values of their own frameworks: the small committed ones without Python; all of open_clip's
# configs, cut to two layers, where a Python has open_clip (skipped, 77, elsewhere).
add_library(tl_test_parity STATIC "${CMAKE_CURRENT_LIST_DIR}/parity.c")
target_link_libraries(tl_test_parity PUBLIC tl_encoders tl_base_image tl_base_io tl_base_core twinlens_settings m)
add_executable(model_parity "${CMAKE_CURRENT_LIST_DIR}/model_parity.c")
target_link_libraries(model_parity PRIVATE tl_test_parity)
file(GLOB tl_golden_models CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/fixtures/models/*.golden")
if(NOT tl_golden_models)
  message(FATAL_ERROR "tests/golden/fixtures/models: expected *.golden files, found none")
endif()
# On copies: a model that is opened keeps its fingerprint beside its weights.
set(tl_model_copies "${CMAKE_CURRENT_BINARY_DIR}/scratch/models")
add_test(NAME golden_models_copied COMMAND "${CMAKE_COMMAND}" -E copy_directory "${CMAKE_CURRENT_LIST_DIR}/fixtures/models" "${tl_model_copies}")
set_tests_properties(golden_models_copied PROPERTIES LABELS golden FIXTURES_SETUP golden_models)
foreach(golden IN LISTS tl_golden_models)
  get_filename_component(name "${golden}" NAME_WE)
  add_test(NAME "golden_model_${name}" COMMAND model_parity "${tl_model_copies}/${name}" "${tl_model_copies}/${name}.golden")
  set_tests_properties("golden_model_${name}" PROPERTIES LABELS golden TIMEOUT 120 FIXTURES_REQUIRED golden_models)
endforeach()
# With the frameworks at hand, which are too large to install for every run: configure with TL_REFERENCE_PYTHON in the environment.
if(DEFINED ENV{TL_REFERENCE_PYTHON})
  add_test(NAME golden_model_configs
    COMMAND sh "${CMAKE_CURRENT_LIST_DIR}/check_models.sh" "$<TARGET_FILE:model_parity>" "${CMAKE_CURRENT_BINARY_DIR}/scratch/model_configs" configs)
  set_tests_properties(golden_model_configs PROPERTIES LABELS golden TIMEOUT 3600)
  add_test(NAME golden_model_convert
    COMMAND sh "${CMAKE_CURRENT_LIST_DIR}/check_convert.sh" "$<TARGET_FILE:twinlens>" "${CMAKE_CURRENT_LIST_DIR}/fixtures/models" "${CMAKE_CURRENT_BINARY_DIR}/scratch/model_convert")
  set_tests_properties(golden_model_convert PROPERTIES LABELS golden TIMEOUT 600 SKIP_RETURN_CODE 77)
  add_test(NAME golden_model_export
    COMMAND bash "${CMAKE_CURRENT_LIST_DIR}/check_export.sh" "$<TARGET_FILE:twinlens>" "${CMAKE_CURRENT_BINARY_DIR}/scratch/model_export")
  set_tests_properties(golden_model_export PROPERTIES LABELS golden TIMEOUT 600 SKIP_RETURN_CODE 77)
endif()
add_executable(model_mutants "${CMAKE_CURRENT_LIST_DIR}/model_mutants.c")
target_link_libraries(model_mutants PRIVATE tl_test_parity)
file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/scratch/model_mutants")
add_test(NAME golden_model_mutants
  COMMAND model_mutants "${CMAKE_CURRENT_LIST_DIR}/fixtures/models" "${CMAKE_CURRENT_BINARY_DIR}/scratch/model_mutants")
set_tests_properties(golden_model_mutants PROPERTIES LABELS golden TIMEOUT 300)
