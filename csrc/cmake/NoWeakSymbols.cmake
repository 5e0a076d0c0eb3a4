# Fails when an object of one SIMD level defines a weak symbol: the linker could keep that copy for all
# levels, and a processor without the level would stop at its first instruction.
foreach(object IN LISTS OBJECTS)
    execute_process(COMMAND ${NM} -C --defined-only ${object} OUTPUT_VARIABLE symbols RESULT_VARIABLE failed)
    if(failed)
        message(FATAL_ERROR "nm failed on ${object}")
    endif()
    string(REGEX MATCHALL "[^\n]* [WVu] [^\n]*" weak "${symbols}")
    if(weak)
        message(FATAL_ERROR "${object} defines weak symbols:\n${weak}")
    endif()
endforeach()
