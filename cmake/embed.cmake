# embed(TARGET FILE...)
# Each FILE's bytes become `const unsigned char NAME_EXT[]` and `const size_t NAME_EXT_size` in TARGET.
function(embed target)
  foreach(file ${ARGN})
    get_filename_component(name ${file} NAME)
    string(MAKE_C_IDENTIFIER ${name} symbol)
    set(out ${CMAKE_BINARY_DIR}/embedded/${symbol}.c)
    add_custom_command(OUTPUT ${out} DEPENDS ${CMAKE_SOURCE_DIR}/${file} ${CMAKE_SOURCE_DIR}/cmake/embed_file.cmake
      COMMAND ${CMAKE_COMMAND} -DIN=${CMAKE_SOURCE_DIR}/${file} -DOUT=${out} -DSYMBOL=${symbol}
        -P ${CMAKE_SOURCE_DIR}/cmake/embed_file.cmake)
    target_sources(${target} PRIVATE ${out})
  endforeach()
endfunction()
