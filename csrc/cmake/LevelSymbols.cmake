# Fails when an object of one SIMD level shows the linker a symbol that is not in the level's namespace: the linker
# could keep that copy for all levels, and a processor without the level would stop at its first instruction.
# ELF calls such a symbol weak; in the objects of Windows it looks like any other.
foreach(object IN LISTS OBJECTS)
    execute_process(COMMAND ${NM} -C --defined-only ${object} OUTPUT_VARIABLE symbols RESULT_VARIABLE failed)
    if(failed)
        message(FATAL_ERROR "nm failed on ${object}")
    endif()
    string(REGEX MATCHALL "[^\n]* [A-Zuvw] [^\n]*" shown "${symbols}")
    list(FILTER shown EXCLUDE REGEX "segpost::${LEVEL}::| N | \\.refptr\\.") # N: debugging, .refptr: an address
    if(shown)
        list(JOIN shown "\n" shown)
        message(FATAL_ERROR "${object} defines symbols outside of segpost::${LEVEL}:\n${shown}")
    endif()
endforeach()
