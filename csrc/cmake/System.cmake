# What differs between systems: one source file, and how libsegpost is linked.

get_filename_component(segpost_system_source "${CMAKE_CURRENT_LIST_DIR}/../cpu/runtime/system" ABSOLUTE)
if(WIN32)
    string(APPEND segpost_system_source /windows.cpp)
else()
    string(APPEND segpost_system_source /posix.cpp)
endif()

function(segpost_system_link target)
    if(WIN32)
        set_target_properties(${target} PROPERTIES PREFIX "" IMPORT_PREFIX "" IMPORT_SUFFIX .lib)
        if(MINGW)
            target_link_options(${target} PRIVATE -static) # the library needs those of the system alone
        endif()
        return()
    endif()
    include(CheckLinkerFlag)
    check_linker_flag(CXX "-Wl,-z,nodelete" segpost_has_nodelete) # Apple's linker has no -z
    if(segpost_has_nodelete)
        target_link_options(${target} PRIVATE -Wl,-z,nodelete) # its threads outlive a dlclose
    endif()
endfunction()
